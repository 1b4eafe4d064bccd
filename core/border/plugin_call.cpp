// SPDX-License-Identifier: Apache-2.0
#include "border/plugin_call.hpp"

namespace trainer {

void throw_for_exception(const Called& called) {
  std::string what;
  try {
    throw;
  } catch (const std::exception& e) {
    what = std::string(": ") + e.what();
  } catch (...) {
  }
  throw Error(called.kind, error_id::plugin_threw,
              called.where + "threw an exception in " +
                  std::string(name_of_call(static_cast<std::uint32_t>(called.call))) + what +
                  "; a plugin must catch its own" + (called.call == Call::create ? " and return TRAINER_ERROR" : ""));
}

}  // namespace trainer
