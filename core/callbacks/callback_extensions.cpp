// SPDX-License-Identifier: Apache-2.0
//
// What the callbacks of a run are asked for and told between events, by the extensions of plugin_api.
#include <optional>

#include "base/text.hpp"
#include "trainer/callback_handler.hpp"
#include "trainer/error.hpp"
#include "trainer/files.hpp"
#include "trainer/log.hpp"

namespace trainer {
namespace fs = std::filesystem;
namespace {

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
    try {
      for (PluginResult& one : entry->results()) all.push_back(std::move(one));
    } catch (const Error& e) {
      ++entry->cost.errors;
      log::warning(e.what());
    }
  }
  return all;
}

void CallbackHandler::save_files(const fs::path& directory) {
  const auto entries = entries_;
  for (const auto& entry : entries) {
    if (!entry->on || !entry->keeps_files()) continue;
    const fs::path own = directory / entry->files_directory;
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
  const auto entries = entries_;
  for (const auto& entry : entries) {
    const fs::path own = directory / entry->files_directory;
    if (std::error_code ec; !entry->on || !entry->keeps_files() || !fs::is_directory(own, ec)) continue;
    try {
      entry->load_files(own);
    } catch (const Error& e) {
      failed(*entry, e);
    }
  }
}

}  // namespace trainer
