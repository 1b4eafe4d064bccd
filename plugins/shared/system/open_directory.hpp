// SPDX-License-Identifier: Apache-2.0
//
// A directory that is held open. What lies in it is reached step by step by plain names and through no
// link, so that a name that was read from a file leads nowhere else.
#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace trainer::plugins {

/// Whether the text can name an entry of a directory, on any system, and nothing outside of it: no slash, no control
/// character, neither "." nor "..", at most 255 bytes; and what can_be_name() (files.hpp) says.
bool is_plain_name(std::string_view name);

class OpenDirectory {
 public:
  /// Nothing when there is no such directory. The path itself may go through links.
  static std::optional<OpenDirectory> open(const std::filesystem::path& path);
  OpenDirectory(OpenDirectory&& other) noexcept;
  OpenDirectory& operator=(OpenDirectory&& other) noexcept;
  ~OpenDirectory();

  /// The directory of that plain name; nothing for a link or what is no directory.
  std::optional<OpenDirectory> child(const std::string& name) const;
  /// The regular files below, with slashes between their names, sorted.
  std::vector<std::string> files() const;
  /// One of them for reading; null when it is there no more.
  std::shared_ptr<std::FILE> open_file(const std::string& path) const;
  /// Removes the entry with all that is below it; of a link, the link.
  void remove(const std::string& name) const;

 private:
  explicit OpenDirectory(std::intptr_t directory) : directory_(directory) {}
  void add_files(const std::string& prefix, std::vector<std::string>& found) const;
  std::shared_ptr<std::FILE> open_own_file(const std::string& name) const;

  std::intptr_t directory_ = -1;  ///< a descriptor, on Windows a HANDLE
};

}  // namespace trainer::plugins
