// SPDX-License-Identifier: Apache-2.0
//
// Finds Trackio's data directory, and puts whole fragments into its inbox.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

#include "inbox.hpp"
#include "shared/system/clock.hpp"
#include "shared/system/environment.hpp"
#include "shared/system/random_id.hpp"
#include "trainer/sdk/file.hpp"

namespace trainer::trackio {
namespace {

namespace fs = std::filesystem;
using plugins::expand_user;
using plugins::variable;

std::string writer_name() {
  char text[24];
  std::snprintf(text, sizeof text, "%012llx", static_cast<unsigned long long>(plugins::milliseconds_now()));
  return text + plugins::random_hex(4);
}

}  // namespace

fs::path data_directory(const std::string& configured) {
  if (!configured.empty()) return configured;
  if (const std::string set = variable("HF_HOME"); !set.empty()) return fs::path(expand_user(set)) / "trackio";
  const std::string cache = variable("XDG_CACHE_HOME");
  return fs::path(expand_user(cache.empty() ? "~/.cache" : cache)) / "huggingface" / "trackio";
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
