// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>

namespace trainer {

/// What runs now, for those that must know it from anywhere: the report of a crash, and the check of calls.
/// CallbackHandler keeps it, with plain stores.
struct Moment {
  std::atomic<const char*> callback{nullptr};  ///< by its name in the run; null: none runs
  std::atomic<std::uint32_t> event{0};
  std::atomic<std::int64_t> step{0};
};
inline Moment moment;

}  // namespace trainer
