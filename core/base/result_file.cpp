// SPDX-License-Identifier: Apache-2.0
//
// What a ResultFile refuses before anything is computed for it; files_posix.cpp and files_windows.cpp write it.
#include <utility>

#include "base/file_access.hpp"
#include "trainer/error.hpp"
#include "trainer/files.hpp"

namespace trainer {

std::filesystem::path behind_links(std::filesystem::path path) {
  std::error_code none;
  for (int links = 0; links < 40; ++links) {
    const auto next = std::filesystem::read_symlink(path, none);
    if (none) break;
    path = path.parent_path() / next;
  }
  return path;
}

ResultFile::ResultFile(std::filesystem::path path, std::string option, const std::vector<std::filesystem::path>& inputs)
    : path_(std::move(path)) {
  std::error_code ignored;
  const auto refuse = [&](const std::string& why) {
    throw_usage(error_id::file_write_failed, option + " " + path_.string() + " " + why + "; name another file");
  };
  const auto target = behind_links(path_);
  const auto parent = target.has_parent_path() ? target.parent_path() : std::filesystem::path(".");
  if (path_.empty()) refuse("names no file");
  if (std::filesystem::is_directory(path_, ignored)) refuse("is a directory, expected a file");
  if (!std::filesystem::is_directory(parent, ignored)) refuse("is in no directory that is there");
  const auto check = [&](const std::filesystem::path& input) {
    if (std::filesystem::equivalent(path_, input, ignored))
      refuse("is " + input.string() + ", which is read, and would be lost");
  };
  for (const auto& input : inputs) {
    check(input);
    if (!std::filesystem::is_directory(input, ignored)) continue;
    for (const auto& entry : std::filesystem::directory_iterator(input, ignored)) check(entry.path());
  }
}

}  // namespace trainer
