// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
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
  /// `cause`: what was thrown first, when this stands for it.
  Error(ErrorKind kind, ErrorId id, const std::string& sentence, std::exception_ptr cause = nullptr);
  ErrorKind kind() const { return kind_; }
  ErrorId id() const { return id_; }
  std::string sentence() const { return std::string(what(), size_); }
  /// An exception of LibTorch, of the standard library or of the program's own code; null when there was none.
  const std::exception_ptr& cause() const { return cause_; }

  /// Of an error that left a Trainer: what it was doing ("train", "evaluate", "predict", "checkpoint" ...), and after
  /// how many steps. Empty for others.
  const std::string& phase() const { return phase_; }
  std::optional<std::int64_t> step() const { return step_; }
  /// The same error with phase and step, and with another sentence.
  Error in_phase(std::string phase, std::optional<std::int64_t> step, const std::string& sentence) const;

 private:
  Error(const std::string& line, ErrorKind kind, ErrorId id, std::exception_ptr cause);

  ErrorKind kind_;
  ErrorId id_;
  std::size_t size_;
  std::exception_ptr cause_;
  std::string phase_;
  std::optional<std::int64_t> step_;
};

[[noreturn]] void throw_usage(ErrorId id, const std::string& sentence);
[[noreturn]] void throw_run(ErrorId id, const std::string& sentence);

/// "sentence [id]", as people get to read it.
std::string with_id(const std::string& sentence, ErrorId id);

constexpr std::size_t longest_line = 8192;  ///< bytes of what is logged and of a sentence

/// A text as it may go to a terminal or a log: what could pass for another line, move the cursor or turn the order of
/// the letters is written \n, \x1b or \u202e, and so is what is not UTF-8. What is longer than `longest` loses its
/// middle, since a sentence ends with what to do.
std::string on_one_line(std::string_view text, std::size_t longest = longest_line);

}  // namespace trainer
