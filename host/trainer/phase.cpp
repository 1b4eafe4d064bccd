// SPDX-License-Identifier: Apache-2.0
#include "trainer/phase.hpp"

#include <string>
#include <string_view>

#include "data/failure.hpp"

namespace trainer {

void rethrow_in_phase(const char* phase, std::optional<std::int64_t> step) {
  const Error error = as_error(std::current_exception(), error_id::run_failed);
  if (!error.phase().empty()) throw error;
  const std::string_view id = error.id().text;
  // The sentence of a callback has event and step already, and for wrong use or another run they say nothing.
  const bool bare = error.kind() == ErrorKind::usage || id.starts_with("callback.") || id.starts_with("plugin.") ||
                    id == error_id::directory_in_use.text;
  const std::string place = step ? std::string(phase) + " at step " + std::to_string(*step) : phase;
  throw error.in_phase(phase, step, bare ? error.sentence() : place + ": " + error.sentence());
}

}  // namespace trainer
