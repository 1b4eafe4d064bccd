// SPDX-License-Identifier: Apache-2.0
//
// What <filesystem> and the SDK's files can do together.
#include "shared/system/files.hpp"

#include <trainer/sdk/file.hpp>

namespace trainer::plugins {

void replace_quickly(const std::filesystem::path& path, std::string_view bytes) {
  namespace files = sdk::system_files;
  std::filesystem::path temporary = path;
  temporary += ".tmp";
  const files::File file = files::open(temporary, files::cut);
  if (file == files::no_file) files::fail(temporary, "could not be opened for writing", files::last_code());
  int code = 0;
  files::write(file, bytes, code);
  if (const int late = files::close(file); code == 0) code = late;
  if (code == 0 && files::rename(temporary, path)) return;
  if (code == 0) code = files::last_code();
  files::remove(temporary);
  files::fail(path, "could not be replaced (it is as it was)", code);
}

void link_or_copy(const std::filesystem::path& file, const std::filesystem::path& second) {
  std::error_code error;  // a second name of a link would be another link, which may lead nowhere
  if (!std::filesystem::is_symlink(file, error)) {
    std::filesystem::create_hard_link(file, second, error);
    if (!error) return;
  }
  std::filesystem::copy_file(file, second);
}

bool can_be_path(std::string_view path) {
  const std::size_t slash = path.find('/');
  return can_be_name(path.substr(0, slash)) && (slash == path.npos || can_be_path(path.substr(slash + 1)));
}

std::filesystem::path make_timed_directory(std::int64_t nanoseconds,
                                           const std::function<std::filesystem::path(std::int64_t nanoseconds)>& name) {
  for (;; nanoseconds += 1'000'000'000) {
    const std::filesystem::path path = name(nanoseconds);
    sdk::make_directory(path.parent_path());
    std::error_code error, ignored;
    if (std::filesystem::create_directory(path, error)) return path;
    if (error && !std::filesystem::exists(std::filesystem::symlink_status(path, ignored)))
      sdk::system_files::fail(path, "could not be made a directory", error);
  }
}

}  // namespace trainer::plugins
