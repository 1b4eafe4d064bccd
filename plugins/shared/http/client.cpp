// SPDX-License-Identifier: Apache-2.0
#include "shared/http/client.hpp"

namespace trainer::plugins::http {

std::string percent_encode(std::string_view text, std::string_view keep) {
  static const char digits[] = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    const bool plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
                       c == '.' || c == '_' || c == '~' || keep.find(c) != std::string_view::npos;
    if (plain) {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += '%', out += digits[byte >> 4], out += digits[byte & 15];
  }
  return out;
}

}  // namespace trainer::plugins::http
