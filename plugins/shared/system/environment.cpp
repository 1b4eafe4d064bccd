// SPDX-License-Identifier: Apache-2.0
//
// Variables by standard C++, and Python's rules for homes and users.
#include "shared/system/environment.hpp"

#include <algorithm>
#include <cstdlib>

namespace trainer::plugins {

std::string variable(const char* name) { return find_variable(name).value_or(""); }

std::optional<std::string> find_variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? std::make_optional<std::string>(value) : std::nullopt;
}

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

std::string home_directory(const std::string& user) {
  if (user.empty())
    if (const auto home = find_variable("HOME")) return home->empty() ? "/" : *home;
  return account(user).home;
}

std::string expand_user(const std::string& path) {
  if (path.empty() || path[0] != '~') return path;
  const std::size_t end = std::min(path.find('/'), path.size());
  std::string expanded = home_directory(path.substr(1, end - 1));
  if (expanded.empty()) return path;
  while (!expanded.empty() && expanded.back() == '/') expanded.pop_back();
  expanded += path.substr(end);
  return expanded.empty() ? "/" : expanded;
}

std::string user_name() {
  for (const char* name : {"LOGNAME", "USER", "LNAME", "USERNAME"})
    if (std::string user = variable(name); !user.empty()) return user;
  std::string user = account("").name;
  return user.empty() ? "unknown" : user;
}

}  // namespace trainer::plugins
