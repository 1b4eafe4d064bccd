// SPDX-License-Identifier: Apache-2.0
#include <cstdint>

#include "trainer/trainer_control.hpp"

namespace trainer {

void TrainerControl::load_state(const json::object& state) {
  const auto* args = state.if_contains("args");
  if (!args || !args->is_object()) return;
  auto take = [&](std::string_view name, std::uint32_t& flag) {
    if (const auto* v = args->get_object().if_contains(name); v && v->is_bool()) flag = v->get_bool();
  };
  take("should_training_stop", should_training_stop);
  take("should_epoch_stop", should_epoch_stop);
  take("should_save", should_save);
  take("should_evaluate", should_evaluate);
  take("should_log", should_log);
}

}  // namespace trainer
