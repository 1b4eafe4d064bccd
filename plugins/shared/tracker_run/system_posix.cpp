// SPDX-License-Identifier: Apache-2.0
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>

#include "shared/tracker_run/tracker_run.hpp"

extern char** environ;

namespace trainer::plugins {

std::string host_name() {
  char name[256] = {};  // POSIX: at most 255 characters
  if (::gethostname(name, sizeof name - 1) != 0 || name[0] == '\0') return "localhost";
  return name;
}

std::filesystem::path home_directory() {
  if (const char* home = std::getenv("HOME"); home != nullptr && *home != '\0') return home;
  const passwd* entry = ::getpwuid(::getuid());
  return entry != nullptr && entry->pw_dir != nullptr ? entry->pw_dir : "";
}

std::filesystem::path expand_user(const std::string& path) {
  if (path == "~") return home_directory();
  if (path.rfind("~/", 0) == 0) return home_directory() / path.substr(2);
  return path;
}

bool has_variable(std::string_view prefix, std::initializer_list<std::string_view> but) {
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    const std::size_t equals = text.find('=');
    if (text.substr(0, prefix.size()) != prefix || equals == std::string_view::npos) continue;
    if (equals + 1 == text.size()) continue;
    if (std::find(but.begin(), but.end(), text.substr(0, equals)) == but.end()) return true;
  }
  return false;
}

bool has_login(const std::filesystem::path& netrc, std::string_view machine) {
  std::ifstream in(netrc);
  for (std::string word, last; in >> word; last = word)
    if (last == "machine" && word == machine) return true;
  return false;
}

}  // namespace trainer::plugins
