// SPDX-License-Identifier: Apache-2.0
#include "shared/system/open_directory.hpp"

#include <algorithm>
#include <utility>

#include "shared/system/files.hpp"

namespace trainer::plugins {

bool is_plain_name(std::string_view name) {
  return name.size() <= 255 && can_be_name(name) && std::none_of(name.begin(), name.end(), [](char c) {
           return c == '\\' || static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
         });
}

OpenDirectory::OpenDirectory(OpenDirectory&& other) noexcept : directory_(std::exchange(other.directory_, -1)) {}

OpenDirectory& OpenDirectory::operator=(OpenDirectory&& other) noexcept {
  std::swap(directory_, other.directory_);
  return *this;
}

std::vector<std::string> OpenDirectory::files() const {
  std::vector<std::string> found;
  add_files("", found);
  std::sort(found.begin(), found.end());
  return found;
}

std::shared_ptr<std::FILE> OpenDirectory::open_file(const std::string& path) const {
  const auto slash = path.find('/');
  if (slash == path.npos) return open_own_file(path);
  const auto inner = child(path.substr(0, slash));
  return inner ? inner->open_file(path.substr(slash + 1)) : nullptr;
}

}  // namespace trainer::plugins
