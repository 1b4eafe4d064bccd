// SPDX-License-Identifier: Apache-2.0
//
// Finds Trackio's data directory, and puts whole fragments into its inbox.
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
namespace files = sdk::system_files;
using plugins::expand_user;
using plugins::variable;

std::string writer_name() {
  char text[24];
  std::snprintf(text, sizeof text, "%012llx", static_cast<unsigned long long>(plugins::milliseconds_now()));
  return text + plugins::random_hex(4);
}

}  // namespace

fs::path data_directory(const std::string& configured) {
  if (!configured.empty()) return sdk::path_of(configured);
  if (const std::string set = variable("HF_HOME"); !set.empty()) return expand_user(set) / "trackio";
  const std::string cache = variable("XDG_CACHE_HOME");
  return expand_user(cache.empty() ? "~/.cache" : cache) / "huggingface" / "trackio";
}

Inbox::Inbox(const fs::path& data_directory) : directory_(fs::absolute(data_directory) / "inbox" / writer_name()) {}

fs::path Inbox::write(std::string_view lines) {
  char name[24];
  std::snprintf(name, sizeof name, "%08llu.jsonl", static_cast<unsigned long long>(next_));
  const fs::path path = directory_ / name;
  fs::path temporary = path;
  temporary += ".tmp";
  files::File file = files::no_file;
  // Whoever imports removes the directory when it is empty, perhaps between the two calls.
  for (int tries = 0; file == files::no_file && tries < 3; ++tries) {
    sdk::make_directory(directory_);
    file = files::open(temporary, files::cut);
    if (file == files::no_file && files::last_code() != ENOENT) break;
  }
  if (file == files::no_file) files::fail(temporary, "could not be opened for writing", files::last_code());
  int code = 0;
  files::write(file, lines, code);
  if (const int late = files::close(file); code == 0) code = late;
  if (code == 0 && !files::rename(temporary, path)) code = files::last_code();
  if (code != 0) {
    files::remove(temporary);
    files::fail(path, "could not be written, and this log with it", code);
  }
  ++next_;
  return path;
}

}  // namespace trainer::trackio
