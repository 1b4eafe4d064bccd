// SPDX-License-Identifier: Apache-2.0
#include "checkpoints/checkpoint_directory.hpp"

#include <algorithm>
#include <charconv>
#include <vector>

#include "state/checkpoint_names.hpp"
#include "trainer/error.hpp"
#include "trainer/files.hpp"
#include "trainer/log.hpp"
#include "trainer/safetensors.hpp"
#include "trainer/trainer_state.hpp"

namespace trainer {
namespace fs = std::filesystem;
namespace {

// "checkpoint-12" to 12; nothing for other names.
std::optional<std::int64_t> checkpoint_step(const fs::path& directory) {
  const std::string name = directory.filename().string();
  if (name.rfind(checkpoint_prefix, 0) != 0) return std::nullopt;
  std::int64_t step = 0;
  const char* end = name.data() + name.size();
  const auto parsed = std::from_chars(name.data() + checkpoint_prefix.size(), end, step);
  if (parsed.ec != std::errc{} || parsed.ptr != end) return std::nullopt;
  return step;
}

std::vector<fs::path> checkpoints_by_step(const fs::path& output_dir) {
  std::vector<fs::path> out;
  std::error_code ec;
  for (const auto& entry : fs::directory_iterator(output_dir, ec))
    if (checkpoint_step(entry.path()) && entry.is_directory()) out.push_back(entry.path());
  std::sort(out.begin(), out.end(),
            [](const auto& a, const auto& b) { return *checkpoint_step(a) < *checkpoint_step(b); });
  return out;
}

// Oldest first: by modification time, or by step when all of those lie within a second (sort_checkpoints of
// transformers' trainer_utils.py).
std::vector<fs::path> checkpoints_by_time(const fs::path& output_dir) {
  auto out = checkpoints_by_step(output_dir);
  if (out.size() < 2) return out;
  std::vector<std::pair<fs::file_time_type, fs::path>> timed;
  for (const auto& path : out) timed.emplace_back(fs::last_write_time(path), path);
  std::sort(timed.begin(), timed.end());
  // Times that are all alike say nothing (some network file systems), so the step decides.
  if (timed.back().first - timed.front().first < std::chrono::seconds(1)) return out;
  for (std::size_t i = 0; i < timed.size(); ++i) out[i] = timed[i].second;
  return out;
}

// What is wrong with a checkpoint directory, or nothing: its weights and its state can be read.
std::optional<std::string> checkpoint_damage(const fs::path& directory) {
  try {
    map_safetensors(directory / weights_file);
    TrainerState::load_from_json(directory / state_file);
    return std::nullopt;
  } catch (const Error& e) {
    return e.what();
  }
}

void sync_tree(const fs::path& directory) {
  for (const auto& entry : fs::directory_iterator(directory))
    if (entry.is_regular_file()) sync_file(entry.path());
  sync_directory(directory);
}

}  // namespace

fs::path newest_checkpoint(const fs::path& output_dir) {
  auto candidates = checkpoints_by_step(output_dir);
  for (; !candidates.empty(); candidates.pop_back()) {
    const auto damage = checkpoint_damage(candidates.back());
    if (!damage) return candidates.back();
    log::warning(candidates.back().string() + " is not whole and is skipped: " + *damage);
  }
  throw_usage(error_id::checkpoint_missing,
              "resume_from_checkpoint: " + output_dir.string() +
                  " holds no whole checkpoint-N directory; name one, or train without resuming");
}

std::string last_good_hint(const fs::path& damaged) {
  auto candidates = checkpoints_by_step(damaged.parent_path().empty() ? "." : damaged.parent_path());
  for (; !candidates.empty(); candidates.pop_back()) {
    std::error_code ec;
    if (!fs::equivalent(candidates.back(), damaged, ec) && !checkpoint_damage(candidates.back()))
      return "; the last good checkpoint is " + candidates.back().string();
  }
  return "; there is no other whole checkpoint beside it";
}

void rotate_checkpoints(const fs::path& output_dir, std::int64_t limit, const std::optional<std::string>& best) {
  const auto checkpoints = checkpoints_by_time(output_dir);
  if (limit <= 0 || static_cast<std::int64_t>(checkpoints.size()) <= limit) return;
  const fs::path newest = checkpoints.back().lexically_normal();
  const fs::path kept = best ? fs::path(*best).lexically_normal() : newest;
  const std::size_t keep = std::max<std::size_t>(static_cast<std::size_t>(limit), kept == newest ? 1 : 2);
  std::size_t remaining = checkpoints.size();
  for (const auto& path : checkpoints) {
    if (remaining <= keep) break;
    const fs::path p = path.lexically_normal();
    if (p == newest || p == kept) continue;
    std::error_code ec;
    fs::remove_all(path, ec);
    --remaining;
  }
}

void remove_checkpoints_except(const fs::path& output_dir, const fs::path& best) {
  for (const auto& path : checkpoints_by_step(output_dir)) {
    std::error_code ec;
    if (!fs::equivalent(path, best, ec)) fs::remove_all(path, ec);
  }
}

void write_directory(const fs::path& directory, const std::function<void(const fs::path&)>& write) {
  const fs::path parent = directory.parent_path().empty() ? "." : directory.parent_path();
  std::string name(".");
  name += directory.filename().string();
  name += ".tmp";
  const fs::path temporary = parent / name;
  std::error_code ec;
  fs::remove_all(temporary, ec);
  try {
    fs::create_directories(temporary);
    write(temporary);
    sync_tree(temporary);
    replace_directory(temporary, directory);
    sync_directory(parent);
  } catch (const fs::filesystem_error& e) {
    fs::remove_all(temporary, ec);
    throw_run(error_id::file_write_failed, directory.string() + " could not be written: " + e.code().message() +
                                               "; free some space or name another output_dir");
  } catch (...) {
    fs::remove_all(temporary, ec);
    throw;
  }
}

void remove_torn_checkpoints(const fs::path& output_dir) {
  std::error_code ec;
  for (const auto& entry : fs::directory_iterator(output_dir, ec)) {
    const std::string name = entry.path().filename().string();
    if (name.rfind("." + std::string(checkpoint_prefix), 0) != 0) continue;
    log::warning(entry.path().string() + " was not finished by the run before; it is removed");
    fs::remove_all(entry.path(), ec);
  }
}

}  // namespace trainer
