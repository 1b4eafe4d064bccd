// SPDX-License-Identifier: Apache-2.0
#include "base/kept_error_id.hpp"

#include <mutex>
#include <set>

namespace trainer {

ErrorId kept_error_id(const std::string& text) {
  static std::mutex mutex;
  static auto& ids = *new std::set<std::string>;
  const std::lock_guard lock(mutex);
  constexpr std::size_t most = 1000;  // more than there are
  if (ids.size() >= most && !ids.contains(text)) return error_id::run_failed;
  return {ids.insert(text).first->c_str()};
}

}  // namespace trainer
