// SPDX-License-Identifier: Apache-2.0
//
// What the callbacks of a run are asked for and told between events, by the extensions of plugin_api.
#include <map>
#include <optional>

#include "base/text.hpp"
#include "trainer/callback_handler.hpp"
#include "trainer/error.hpp"
#include "trainer/files.hpp"
#include "trainer/log.hpp"
#include "trainer/plugin_file.hpp"

namespace trainer {
namespace fs = std::filesystem;
namespace {

// The directory of each callback within a checkpoint, also of those that keep no files: all processes and all resumes
// count alike.
class FileDirectories {
 public:
  std::string next(const CallbackEntry& entry) {
    const std::string id = entry.plugin() ? entry.plugin()->note.id : entry.name;
    const int number = ++seen_[id];
    return number == 1 ? id : id + "#" + std::to_string(number);
  }

 private:
  std::map<std::string, int> seen_;
};

// What a checkpoint can list, copy and give back. Whether there is a file at all.
bool check_files(const CallbackEntry& entry, const fs::path& directory) {
  const auto refuse = [&](const fs::path& path, const char* what) {
    throw_run(error_id::plugin_files_failed, "callback " + entry.name + " left " +
                                                 path.lexically_relative(directory).string() +
                                                 " among its files of the checkpoint, which is " + what +
                                                 "; expected regular files, whose names are UTF-8, and directories");
  };
  bool any = false;
  for (const auto& one : fs::recursive_directory_iterator(directory)) {
    if (!is_utf8(one.path().filename().string())) refuse(one.path(), "no UTF-8");
    if (one.is_symlink()) refuse(one.path(), "a link");
    if (one.is_directory()) continue;
    if (!one.is_regular_file()) refuse(one.path(), "neither");
    any = true;
  }
  return any;
}

}  // namespace

void CallbackHandler::tell_outcome(const TrainingOutcome& outcome) {
  std::optional<Error> first;  // that ends a run which has not failed already; all are told before
  for (const auto& entry : entries_) {
    if (!entry->on) continue;
    try {
      entry->ended(outcome);
    } catch (const Error& e) {
      ++entry->cost.errors;
      if (first || outcome.kind == TrainingOutcome::Kind::failed || entry->on_error != OnError::fail)
        log::warning(e.what());
      else
        first = e;
    }
  }
  if (first) throw Error(*first);
}

std::vector<PluginResult> CallbackHandler::results() {
  std::vector<PluginResult> all;
  for (const auto& entry : entries_) {
    if (!entry->on) continue;
    for (PluginResult& one : entry->results()) all.push_back(std::move(one));
  }
  return all;
}

void CallbackHandler::save_files(const fs::path& directory) {
  FileDirectories names;
  const auto entries = entries_;
  for (const auto& entry : entries) {
    const fs::path own = directory / names.next(*entry);
    if (!entry->on || !entry->keeps_files()) continue;
    std::error_code ec;
    try {
      fs::create_directories(own);
      entry->save_files(own);
      if (!check_files(*entry, own)) fs::remove_all(own);
    } catch (const Error& e) {
      fs::remove_all(own, ec);
      failed(*entry, e);
    }
  }
  if (std::error_code ec; fs::is_empty(directory, ec)) fs::remove(directory);
}

void CallbackHandler::load_files(const fs::path& directory) {
  FileDirectories names;
  const auto entries = entries_;
  for (const auto& entry : entries) {
    const fs::path own = directory / names.next(*entry);
    if (std::error_code ec; !entry->on || !entry->keeps_files() || !fs::is_directory(own, ec)) continue;
    try {
      entry->load_files(own);
    } catch (const Error& e) {
      failed(*entry, e);
    }
  }
}

}  // namespace trainer
