// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdexcept>
#include <string>

namespace trainer {

/// What kind of failure an Error is; the command turns it into its exit status.
enum class ErrorKind {
  run,    ///< the run failed: exit status 1
  usage,  ///< wrong use or configuration: exit status 2
};

/// The one exception of LibTrainer. `what()` is one sentence: where, what was found, what was
/// expected, how to mend it.
class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& sentence) : std::runtime_error(sentence), kind_(kind) {}
  ErrorKind kind() const { return kind_; }

 private:
  ErrorKind kind_;
};

[[noreturn]] inline void throw_usage(const std::string& sentence) {
  throw Error(ErrorKind::usage, sentence);
}
[[noreturn]] inline void throw_run(const std::string& sentence) {
  throw Error(ErrorKind::run, sentence);
}

}  // namespace trainer
