// SPDX-License-Identifier: Apache-2.0
//
// Steps by openat(), which follow no link.
#include "shared/system/open_directory.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

namespace trainer::plugins {
namespace {

constexpr int deepest = 64;  // directories within each other

/// The names of a directory and whether each is one; links are neither followed nor directories.
template <typename Each>
void for_each_entry(int fd, Each&& each) {
  const int copy = ::openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);  // a position of its own
  if (copy < 0) return;
  const std::unique_ptr<DIR, int (*)(DIR*)> entries(::fdopendir(copy), ::closedir);
  if (!entries) {
    ::close(copy);
    return;
  }
  while (const dirent* entry = ::readdir(entries.get())) {
    const std::string name = entry->d_name;
    struct stat info {};
    if (name == "." || name == ".." || ::fstatat(fd, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) continue;
    each(name, info.st_mode);
  }
}

void remove_entry(int fd, const std::string& name, int depth) {
  if (::unlinkat(fd, name.c_str(), 0) == 0 || depth == deepest) return;
  const int inner = ::openat(fd, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (inner < 0) return;
  for_each_entry(inner, [&](const std::string& entry, mode_t) { remove_entry(inner, entry, depth + 1); });
  ::close(inner);
  ::unlinkat(fd, name.c_str(), AT_REMOVEDIR);
}

}  // namespace

std::optional<OpenDirectory> OpenDirectory::open(const std::filesystem::path& path) {
  const int fd = ::open(path.empty() ? "." : path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return std::nullopt;
  return OpenDirectory(fd);
}

OpenDirectory::~OpenDirectory() {
  if (directory_ >= 0) ::close(static_cast<int>(directory_));
}

std::optional<OpenDirectory> OpenDirectory::child(const std::string& name) const {
  if (!is_plain_name(name)) return std::nullopt;
  const int fd = ::openat(static_cast<int>(directory_), name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return std::nullopt;
  return OpenDirectory(fd);
}

void OpenDirectory::add_files(const std::string& prefix, std::vector<std::string>& found) const {
  if (std::count(prefix.begin(), prefix.end(), '/') == deepest) return;
  for_each_entry(static_cast<int>(directory_), [&](const std::string& name, mode_t mode) {
    if (S_ISREG(mode)) found.push_back(prefix + name);
    if (!S_ISDIR(mode)) return;
    if (const auto inner = child(name)) inner->add_files(prefix + name + "/", found);
  });
}

std::shared_ptr<std::FILE> OpenDirectory::open_own_file(const std::string& name) const {
  // Non-blocking, so that a named pipe is refused instead of waited for.
  const int fd = ::openat(static_cast<int>(directory_), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  struct stat info {};
  if (fd < 0) return nullptr;
  std::FILE* const file = ::fstat(fd, &info) == 0 && S_ISREG(info.st_mode) ? ::fdopen(fd, "rb") : nullptr;
  if (file == nullptr) {
    ::close(fd);
    return nullptr;
  }
  return {file, [](std::FILE* open) { std::fclose(open); }};
}

void OpenDirectory::remove(const std::string& name) const {
  if (is_plain_name(name)) remove_entry(static_cast<int>(directory_), name, 0);
}

}  // namespace trainer::plugins
