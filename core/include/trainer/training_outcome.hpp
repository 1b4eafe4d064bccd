// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace trainer {

/// How a training ended, as callbacks are told (plugin_api's ext/outcome.h).
struct TrainingOutcome {
  enum class Kind : std::uint32_t { completed, stopped, interrupted, failed } kind = Kind::completed;
  std::int64_t global_step = 0, max_steps = 0;
  double epoch = 0;
  int signal = 0;                   ///< of an interrupted one
  std::string by{};                 ///< of a stopped one the callback, by its name in the run; empty: it was none
  std::string error{}, error_id{};  ///< of a failed one: the sentence, and "callback.failed"
};

}  // namespace trainer
