// SPDX-License-Identifier: Apache-2.0
#include "base/kept_error_id.hpp"

#include <mutex>
#include <set>

namespace trainer {

ErrorId kept_error_id(const std::string& text) {
  static std::mutex mutex;
  static auto& ids = *new std::set<std::string>;
  const std::lock_guard lock(mutex);
  return {ids.insert(text).first->c_str()};
}

}  // namespace trainer
