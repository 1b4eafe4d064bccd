// SPDX-License-Identifier: Apache-2.0
//
// Variables, the user database and the host's name by POSIX.
#include <pwd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <vector>

#include "shared/system/environment.hpp"

extern char** environ;  // NOLINT: POSIX declares it so

namespace trainer::plugins {

std::optional<std::string> find_variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? std::make_optional<std::string>(value) : std::nullopt;
}

std::map<std::string, std::string> environment() {
  std::map<std::string, std::string> variables;
  for (char** line = environ; line != nullptr && *line != nullptr; ++line) {
    const std::string_view text(*line);
    const std::size_t equals = text.find('=');
    if (equals != text.npos) variables.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return variables;
}

Account account(const std::string& user) {
  constexpr std::size_t most = 1u << 20;
  passwd entry{};
  passwd* found = nullptr;
  std::vector<char> text(4096);
  const auto ask = [&] {
    return user.empty() ? ::getpwuid_r(::getuid(), &entry, text.data(), text.size(), &found)
                        : ::getpwnam_r(user.c_str(), &entry, text.data(), text.size(), &found);
  };
  while (ask() == ERANGE && text.size() < most) text.resize(2 * text.size());
  if (found == nullptr) return {};
  return {found->pw_name != nullptr ? found->pw_name : "", found->pw_dir != nullptr ? found->pw_dir : ""};
}

std::string home_directory(const std::string& user) {
  if (user.empty())
    if (const auto home = find_variable("HOME")) return home->empty() ? "/" : *home;
  return account(user).home;
}

std::string host_name() {
  char name[256] = {};  // POSIX: at most 255 characters
  if (::gethostname(name, sizeof name - 1) != 0 || name[0] == '\0') return "localhost";
  return name;
}

}  // namespace trainer::plugins
