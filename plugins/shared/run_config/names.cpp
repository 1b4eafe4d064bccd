// SPDX-License-Identifier: Apache-2.0
//
// Replaces and cuts.
#include "shared/run_config/names.hpp"

#include <algorithm>

namespace trainer::plugins {
namespace {

bool is_follower(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

bool is_taken(char c, const NameRule& rule) {
  if (!rule.forbidden.empty()) return rule.forbidden.find(c) == std::string_view::npos;
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
         rule.allowed.find(c) != std::string_view::npos;
}

}  // namespace

std::size_t code_points(std::string_view utf8) {
  return utf8.size() - static_cast<std::size_t>(std::count_if(utf8.begin(), utf8.end(), is_follower));
}

std::string_view first_code_points(std::string_view utf8, std::size_t most) {
  std::size_t end = 0;
  for (std::size_t count = 0; end < utf8.size(); ++end)
    if (!is_follower(utf8[end]) && count++ == most) break;
  return utf8.substr(0, end);
}

std::string fit_name(std::string_view text, const NameRule& rule) {
  std::string out;
  for (const char c : text) {
    if (is_taken(c, rule))
      out += c;
    else if (!is_follower(c))
      out += '_';
  }
  return std::string(first_code_points(out, rule.most));
}

void fit_name(std::string& text, const NameRule& rule, const std::string& what, std::vector<std::string>& warnings) {
  std::string fitting = fit_name(text, rule);
  if (fitting == text) return;
  warnings.push_back(what + " \"" + text + "\" is \"" + fitting + "\" there: of its characters it takes " +
                     (rule.forbidden.empty() ? "letters, digits and " + std::string(rule.allowed)
                                             : "all but " + std::string(rule.forbidden)) +
                     ", and " + std::to_string(rule.most) + " at most");
  text = std::move(fitting);
}

}  // namespace trainer::plugins
