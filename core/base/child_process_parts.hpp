// SPDX-License-Identifier: Apache-2.0
//
// What child_process_posix.cpp and child_process_windows.cpp have in common.
#pragma once

#include <cstddef>
#include <string>

namespace trainer {

constexpr std::size_t longest_record = 1 << 20;
constexpr double grace_s = 5;  // that a killed child is waited for: one that waits for a broken disk is not gone

/// The record without its line end; nothing of one that has none.
inline std::string whole_record(std::string record) {
  if (record.empty() || record.back() != '\n') return "";
  record.pop_back();
  return record;
}

}  // namespace trainer
