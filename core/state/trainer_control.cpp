// SPDX-License-Identifier: Apache-2.0
#include "trainer/trainer_control.hpp"

namespace trainer {

void TrainerControl::load_state(const json::object& state) {
  const auto* args = state.if_contains("args");
  if (!args || !args->is_object()) return;
  for (const auto& [name, field] : control_flags)
    if (const auto* v = args->get_object().if_contains(name); v && v->is_bool()) this->*field = v->get_bool();
}

}  // namespace trainer
