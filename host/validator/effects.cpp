// SPDX-License-Identifier: Apache-2.0
#include "validator/effects.hpp"

#include <cfenv>
#include <clocale>
#include <filesystem>
#include <system_error>

namespace trainer::validator {

Surroundings surroundings() {
  Surroundings out;
  std::error_code ignored;
  out["the locale"] = std::setlocale(LC_ALL, nullptr);
  out["the working directory"] = std::filesystem::current_path(ignored).string();
  out["the rounding mode"] = std::to_string(std::fegetround());
  add_surroundings(out);
  return out;
}

std::string difference(const Surroundings& before, const Surroundings& after) {
  std::string text;
  const auto add = [&](const std::string& sentence) { text += (text.empty() ? "" : "; ") + sentence; };
  for (const auto& [name, value] : before) {
    const auto found = after.find(name);
    if (found == after.end())
      add(name + " (" + value + ") is gone");
    else if (found->second != value)
      add(name + " was " + value + ", is " + found->second);
  }
  for (const auto& [name, value] : after)
    if (!before.count(name)) add(name + " is new: " + value);
  return text;
}

}  // namespace trainer::validator
