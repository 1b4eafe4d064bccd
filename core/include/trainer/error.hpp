// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

#include "trainer/error_ids.hpp"

namespace trainer {

/// What kind of failure an Error is; the command turns it into its exit status.
enum class ErrorKind {
  run,    ///< the run failed: exit status 1
  usage,  ///< wrong use or configuration: exit status 2
};

/// The one exception of LibTrainer. `sentence()` says where, what was found, what was expected, and how
/// to mend it, on one line: file names and plugins' texts may hold anything. `what()` is the sentence
/// with its id in brackets, which docs/errors.md explains.
class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, ErrorId id, const std::string& sentence);
  ErrorKind kind() const { return kind_; }
  ErrorId id() const { return id_; }
  std::string sentence() const { return std::string(what(), size_); }

 private:
  Error(const std::string& line, ErrorKind kind, ErrorId id);

  ErrorKind kind_;
  ErrorId id_;
  std::size_t size_;
};

[[noreturn]] void throw_usage(ErrorId id, const std::string& sentence);
[[noreturn]] void throw_run(ErrorId id, const std::string& sentence);

/// "sentence [id]", as people get to read it.
std::string with_id(const std::string& sentence, ErrorId id);

/// Control characters as \n or \x1b, so that no text can pass for another line or move the cursor.
std::string on_one_line(std::string_view text);

}  // namespace trainer
