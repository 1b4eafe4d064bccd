// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "trainer/error.hpp"

namespace trainer {

/// What a file is to who reads it, which decides what a damaged one is called and what helps.
struct FileRole {
  ErrorKind kind;
  ErrorId id;
  const char* remedy;

  [[noreturn]] void fail(const std::string& sentence) const { throw Error(kind, id, sentence + "; " + remedy); }
};

inline constexpr FileRole of_checkpoint{
    ErrorKind::run, error_id::checkpoint_damaged,
    "the file is damaged or cut short, so use another copy or an earlier checkpoint"};
inline constexpr FileRole of_data{ErrorKind::usage, error_id::data_invalid,
                                  "the file is damaged or cut short, so use another copy or write it again"};

}  // namespace trainer
