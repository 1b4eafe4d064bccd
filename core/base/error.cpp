// SPDX-License-Identifier: Apache-2.0
#include "trainer/error.hpp"

namespace trainer {

std::string with_id(const std::string& sentence, ErrorId id) { return sentence + " [" + id.text + "]"; }

Error::Error(ErrorKind kind, ErrorId id, const std::string& sentence) : Error(on_one_line(sentence), kind, id) {}

Error::Error(const std::string& line, ErrorKind kind, ErrorId id)
    : std::runtime_error(with_id(line, id)), kind_(kind), id_(id), size_(line.size()) {}

void throw_usage(ErrorId id, const std::string& sentence) { throw Error(ErrorKind::usage, id, sentence); }
void throw_run(ErrorId id, const std::string& sentence) { throw Error(ErrorKind::run, id, sentence); }

}  // namespace trainer
