// SPDX-License-Identifier: Apache-2.0
#include "shared/system/open_directory.hpp"

#include <algorithm>

#include "shared/system/files.hpp"

namespace trainer::plugins {

bool is_plain_name(std::string_view name) {
  return name.size() <= 255 && can_be_name(name) && std::none_of(name.begin(), name.end(), [](char c) {
           return c == '\\' || static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
         });
}

std::vector<std::string> OpenDirectory::files() const {
  std::vector<std::string> found;
  add_files("", found);
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace trainer::plugins
