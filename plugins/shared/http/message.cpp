// SPDX-License-Identifier: Apache-2.0
#include "shared/http/message.hpp"

#include <algorithm>

namespace trainer::plugins::http {

std::string without_secrets(std::string text, const Options& options) {
  constexpr std::size_t shortest = 4;  // less is in any text
  for (const std::string* secret : {&options.password, &options.bearer})
    if (secret->size() >= shortest)
      for (std::size_t at = 0; (at = text.find(*secret, at)) != text.npos;)
        text.replace(at, secret->size(), "<SECRET>");
  return text;
}
namespace {

bool same_name(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](char x, char y) { return lower(x) == lower(y); });
}

}  // namespace

std::string_view Response::header(std::string_view name) const {
  for (const Header& header : headers)
    if (same_name(header.name, name)) return header.value;
  return {};
}

}  // namespace trainer::plugins::http
