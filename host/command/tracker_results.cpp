// SPDX-License-Identifier: Apache-2.0
#include "command/tracker_results.hpp"

#include <algorithm>
#include <cstdlib>

#include "command/run_reader.hpp"

namespace trainer::command {
namespace fs = std::filesystem;
namespace {

// The newest event file below output_dir/runs, or where the variable moved it.
fs::path newest_event_file(const fs::path& output_dir) {
  const char* moved = std::getenv("TENSORBOARD_LOGGING_DIR");
  const fs::path root = moved && *moved ? fs::path(moved) : output_dir / "runs";
  fs::path newest;
  fs::file_time_type time{};
  std::error_code ec;
  for (const auto& entry : fs::recursive_directory_iterator(root, ec)) {
    if (entry.path().filename().string().find("tfevents") == std::string::npos) continue;
    if (newest.empty() || entry.last_write_time() > time) newest = entry.path(), time = entry.last_write_time();
  }
  return newest;
}

}  // namespace

std::vector<TrackerResult> tracker_results(const std::vector<std::shared_ptr<CallbackEntry>>& callbacks,
                                           const fs::path& output_dir) {
  const auto ran = [&](std::string_view name) {
    return std::any_of(callbacks.begin(), callbacks.end(), [&](const auto& entry) { return entry->name == name; });
  };
  std::vector<TrackerResult> results;
  if (const auto file = output_dir / "report.html"; ran("html") && fs::exists(file))
    results.push_back({"report", file_url(file)});
  if (const auto file = output_dir / "metrics.csv"; ran("csv") && fs::exists(file))
    results.push_back({"metrics", file.string()});
  if (const auto file = output_dir / "emissions.csv"; ran("codecarbon") && fs::exists(file))
    results.push_back({"emissions", file.string()});
  if (const auto file = ran("tensorboard") ? newest_event_file(output_dir) : fs::path(); !file.empty()) {
    results.push_back({"event file", file.string()});
    results.push_back({"look at it", "tensorboard --logdir " + file.parent_path().parent_path().string()});
  }
  return results;
}

}  // namespace trainer::command
