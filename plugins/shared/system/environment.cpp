// SPDX-License-Identifier: Apache-2.0
//
// Python's rules for homes and users, and what a variable says.
#include "shared/system/environment.hpp"

#include <algorithm>
#include <trainer/sdk/path.hpp>

namespace trainer::plugins {

std::string variable(const char* name) { return find_variable(name).value_or(""); }

bool has_variable(std::string_view prefix, std::initializer_list<std::string_view> but) {
  for (const auto& [name, value] : environment())
    if (name.compare(0, prefix.size(), prefix) == 0 && !value.empty() &&
        std::find(but.begin(), but.end(), name) == but.end())
      return true;
  return false;
}

std::map<std::string, std::string> environment(const std::map<std::string, std::string>& changed) {
  std::map<std::string, std::string> variables = environment();
  for (const auto& [name, value] : changed) {
    if (value.empty())
      variables.erase(name);
    else
      variables[name] = value;
  }
  return variables;
}

bool is_true(std::string_view text) {
  std::string lower;
  for (const char c : text) lower.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c);
  return lower == "1" || lower == "true" || lower == "yes" || lower == "on" || lower == "t" || lower == "y";
}

std::filesystem::path expand_user(const std::string& path) {
  constexpr char slashes[] = {'/', static_cast<char>(std::filesystem::path::preferred_separator), '\0'};
  if (path.empty() || path[0] != '~') return sdk::path_of(path);
  const std::size_t end = std::min(path.find_first_of(slashes), path.size());
  std::string expanded = home_directory(path.substr(1, end - 1));
  if (expanded.empty()) return sdk::path_of(path);
  while (!expanded.empty() && expanded.find_last_of(slashes) == expanded.size() - 1) expanded.pop_back();
  expanded += path.substr(end);
  return sdk::path_of(expanded.empty() ? "/" : expanded);
}

std::string user_name() {
  for (const char* name : {"LOGNAME", "USER", "LNAME", "USERNAME"})
    if (std::string user = variable(name); !user.empty()) return user;
  std::string user = account("").name;
  return user.empty() ? "unknown" : user;
}

}  // namespace trainer::plugins
