// SPDX-License-Identifier: Apache-2.0
#include "trainer/error.hpp"

namespace trainer {

std::string with_id(const std::string& sentence, ErrorId id) { return sentence + " [" + id.text + "]"; }

std::string on_one_line(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte != 0x7f) {
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else {
      const char* hex = "0123456789abcdef";
      out += {'\\', 'x', hex[byte >> 4], hex[byte & 15]};
    }
  }
  return out;
}

Error::Error(ErrorKind kind, ErrorId id, const std::string& sentence) : Error(on_one_line(sentence), kind, id) {}

Error::Error(const std::string& line, ErrorKind kind, ErrorId id)
    : std::runtime_error(with_id(line, id)), kind_(kind), id_(id), size_(line.size()) {}

void throw_usage(ErrorId id, const std::string& sentence) { throw Error(ErrorKind::usage, id, sentence); }
void throw_run(ErrorId id, const std::string& sentence) { throw Error(ErrorKind::run, id, sentence); }

}  // namespace trainer
