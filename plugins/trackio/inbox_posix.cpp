// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <pwd.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "inbox.hpp"
#include "records.hpp"
#include "trainer/sdk/file.hpp"

namespace trainer::trackio {
namespace {

namespace fs = std::filesystem;

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::string home() {
  const std::string set = variable("HOME");
  if (!set.empty()) return set;
  const passwd* entry = ::getpwuid(::getuid());
  return entry != nullptr && entry->pw_dir != nullptr ? entry->pw_dir : ".";
}

std::string expand(const std::string& path) {
  return !path.empty() && path[0] == '~' && (path.size() == 1 || path[1] == '/') ? home() + path.substr(1) : path;
}

std::string writer_name() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  char text[24];
  std::snprintf(text, sizeof text, "%012llx",
                static_cast<unsigned long long>(std::chrono::duration_cast<std::chrono::milliseconds>(now).count()));
  return text + random_hex(4);
}

}  // namespace

fs::path data_directory() {
  if (const std::string set = variable("TRACKIO_DIR"); !set.empty()) return set;
  if (const std::string set = variable("HF_HOME"); !set.empty()) return fs::path(expand(set)) / "trackio";
  const std::string cache = variable("XDG_CACHE_HOME");
  return fs::path(cache.empty() ? home() + "/.cache" : expand(cache)) / "huggingface" / "trackio";
}

Inbox::Inbox(const fs::path& data_directory) : directory_(fs::absolute(data_directory) / "inbox" / writer_name()) {}

fs::path Inbox::write(std::string_view lines) {
  char name[24];
  std::snprintf(name, sizeof name, "%08llu.jsonl", static_cast<unsigned long long>(next_));
  const fs::path path = directory_ / name;
  const std::string temporary = path.string() + ".tmp";
  int fd = -1;
  // Whoever imports removes the directory when it is empty, perhaps between the two calls.
  for (int tries = 0; fd < 0 && tries < 3; ++tries) {
    sdk::make_directory(directory_);
    fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd < 0 && errno != ENOENT) break;
  }
  if (fd < 0) sdk::posix::fail(temporary, "could not be opened for writing", errno);
  int code = 0;
  sdk::posix::write(fd, lines, code);
  if (::close(fd) != 0 && code == 0) code = errno;
  if (code == 0 && ::rename(temporary.c_str(), path.c_str()) != 0) code = errno;
  if (code != 0) {
    ::unlink(temporary.c_str());
    sdk::posix::fail(path, "could not be written, and this log with it", code);
  }
  ++next_;
  return path;
}

}  // namespace trainer::trackio
