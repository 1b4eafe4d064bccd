// SPDX-License-Identifier: Apache-2.0
#include "trainer/error.hpp"

#include <utility>

namespace trainer {

std::string with_id(const std::string& sentence, ErrorId id) { return sentence + " [" + id.text + "]"; }

Error::Error(ErrorKind kind, ErrorId id, const std::string& sentence, std::exception_ptr cause)
    : Error(on_one_line(sentence), kind, id, std::move(cause)) {}

Error::Error(const std::string& line, ErrorKind kind, ErrorId id, std::exception_ptr cause)
    : std::runtime_error(with_id(line, id)), kind_(kind), id_(id), size_(line.size()), cause_(std::move(cause)) {}

Error Error::in_phase(std::string phase, std::optional<std::int64_t> step, const std::string& sentence) const {
  Error error(kind_, id_, sentence, cause_);
  error.phase_ = std::move(phase);
  error.step_ = step;
  return error;
}

void throw_usage(ErrorId id, const std::string& sentence) { throw Error(ErrorKind::usage, id, sentence); }
void throw_run(ErrorId id, const std::string& sentence) { throw Error(ErrorKind::run, id, sentence); }

}  // namespace trainer
