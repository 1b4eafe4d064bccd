// SPDX-License-Identifier: Apache-2.0
#include "discovery/input_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstring>

#include "discovery/file_trust.hpp"
#include "discovery/plugin_trust.hpp"
#include "trainer/error.hpp"

namespace trainer {
namespace fs = std::filesystem;
namespace {

// Non-blocking, because opening a named pipe would else wait for a writer for ever.
constexpr int for_reading = O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY;
#if defined(O_PATH)
constexpr int for_its_path = O_PATH | O_CLOEXEC;
#else
constexpr int for_its_path = O_RDONLY | O_CLOEXEC;
#endif

struct Descriptor {
  int number;
  ~Descriptor() {
    if (number >= 0) ::close(number);
  }
};

std::string_view kind_of(mode_t mode) {
  if (S_ISDIR(mode)) return "a directory";
  if (S_ISFIFO(mode)) return "a named pipe";
  if (S_ISSOCK(mode)) return "a socket";
  return "a device";
}

}  // namespace

InputFile::InputFile(const fs::path& path, std::string name) : name_(std::move(name)) {
  descriptor_ = ::open(path.c_str(), for_reading);
  if (descriptor_ < 0) refuse_opening(static_cast<std::uint32_t>(errno));
  require_regular();
}

// Each name is opened within the directory that was asked, so that nothing can be put there in between.
void InputFile::open_by_links(fs::path path, Links links) {
  const auto ask = [&](int descriptor, Opened kind, const fs::path& at) {
    if (distrust_.empty() && !trusts_any_plugin()) distrust_ = others_may_write(descriptor, kind, at.string());
  };
  fs::path shown = path;
  int base = AT_FDCWD;
  Descriptor directory{-1};
  for (int hop = 0; hop < most_links; ++hop) {
    const fs::path parent = path.has_parent_path() ? path.parent_path() : fs::path(".");
    const fs::path name = path.has_filename() ? path.filename() : fs::path(".");
    const int next = ::openat(base, parent.c_str(), for_its_path | O_DIRECTORY);
    if (next < 0) refuse_opening(static_cast<std::uint32_t>(errno));
    if (directory.number >= 0) ::close(directory.number);
    base = directory.number = next;
    ask(base, Opened::directory, shown.has_parent_path() ? shown.parent_path() : parent);
    descriptor_ = ::openat(base, name.c_str(), for_reading | O_NOFOLLOW);
    if (descriptor_ >= 0) return ask(descriptor_, Opened::file, shown);
    if (errno != ELOOP) {
      const int error = errno;
      struct stat info {};
      if (error == ENXIO && ::fstatat(base, name.c_str(), &info, 0) == 0 && S_ISSOCK(info.st_mode))
        throw_usage(error_id::plugin_file_not_regular,
                    name_ + " is a socket, and a plugin is a regular file; take it out of the plugin directory");
      refuse_opening(static_cast<std::uint32_t>(error));
    }
    if (links == Links::refused) refuse_link();
    const Descriptor link{::openat(base, name.c_str(), for_its_path | O_NOFOLLOW)};
    char target[PATH_MAX];
    const ssize_t size = link.number < 0 ? -1 : ::readlinkat(link.number, "", target, sizeof target);
    if (size <= 0) refuse_opening(static_cast<std::uint32_t>(errno));
    ask(link.number, Opened::link, shown);
    path = std::string(target, static_cast<std::size_t>(size));
    shown = (shown.parent_path() / path).lexically_normal();
  }
  refuse_opening(ELOOP);
}

void InputFile::refuse_opening(std::uint32_t error) const {
  throw_usage(error_id::plugin_file_unreadable, name_ +
                                                    " could not be opened: " + std::strerror(static_cast<int>(error)) +
                                                    (error == EACCES ? "; make it readable with chmod" : ""));
}

void InputFile::require_regular() {
  struct stat info {};
  if (::fstat(static_cast<int>(descriptor_), &info) == 0 && S_ISREG(info.st_mode)) {
    size_ = static_cast<std::uint64_t>(info.st_size);
    return;
  }
  ::close(static_cast<int>(descriptor_));
  throw_usage(error_id::plugin_file_not_regular,
              name_ + " is " + std::string(kind_of(info.st_mode)) +
                  ", and a plugin is a regular file; take it out of the plugin directory");
}

InputFile::~InputFile() { ::close(static_cast<int>(descriptor_)); }

std::size_t InputFile::read_some(std::uint64_t offset, char* to, std::size_t count) const {
  ssize_t n = 0;
  do n = ::pread(static_cast<int>(descriptor_), to, count, static_cast<off_t>(offset));
  while (n < 0 && errno == EINTR);
  if (n < 0) throw_usage(error_id::plugin_file_unreadable, name_ + " could not be read: " + std::strerror(errno));
  return static_cast<std::size_t>(n);
}

}  // namespace trainer
