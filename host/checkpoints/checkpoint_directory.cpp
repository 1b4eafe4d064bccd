// SPDX-License-Identifier: Apache-2.0
#include "checkpoints/checkpoint_directory.hpp"

#include <algorithm>
#include <vector>

#include "checkpoints/checkpoint_check.hpp"
#include "state/checkpoint_names.hpp"
#include "trainer/error.hpp"
#include "trainer/files.hpp"
#include "trainer/log.hpp"

namespace trainer {
namespace fs = std::filesystem;
namespace {

std::optional<std::int64_t> step_of(const fs::path& directory) {
  return checkpoint_step(directory.filename().string());
}

std::vector<fs::path> checkpoints_by_step(const fs::path& output_dir) {
  std::vector<fs::path> out;
  std::error_code ec;
  for (const auto& entry : fs::directory_iterator(output_dir, ec))
    if (step_of(entry.path()) && entry.is_directory(ec)) out.push_back(entry.path());
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return *step_of(a) < *step_of(b); });
  return out;
}

// Those that may be deleted: not through a link that somebody made.
std::vector<fs::path> own_checkpoints(const fs::path& output_dir, const RunIdentity& run) {
  auto out = checkpoints_by_step(output_dir);
  std::erase_if(out, [&](const fs::path& path) { return fs::is_symlink(path) || !run.owns(path); });
  return out;
}

bool same(const fs::path& a, const fs::path& b) {
  std::error_code ec;
  return fs::equivalent(a, b, ec);
}

// What is wrong with a checkpoint directory, or nothing.
std::optional<std::string> checkpoint_damage(const fs::path& directory) {
  try {
    check_checkpoint(directory);
    if (!fs::exists(directory / state_file)) return "it has no " + std::string(state_file);
    return std::nullopt;
  } catch (const Error& e) {
    return e.what();
  }
}

// The name that a checkpoint has while it is written, or removed.
fs::path hidden_name(const fs::path& checkpoint) { return "." + checkpoint.filename().string() + ".tmp"; }

// Under the name of one that is being written first: what a kill leaves of it is no checkpoint, and the next start
// removes it.
void remove_checkpoint(const fs::path& path) {
  const fs::path hidden = path.parent_path() / hidden_name(path);
  std::error_code ec;
  fs::rename(path, hidden, ec);
  fs::remove_all(ec ? path : hidden, ec);
  if (ec)
    log::warning("the checkpoint " + path.string() +
                 ", beyond save_total_limit, could not be removed completely: " + ec.message() + "; remove it by hand");
}

void sync_tree(const fs::path& directory) {
  for (const auto& entry : fs::directory_iterator(directory)) {
    if (entry.is_directory()) sync_tree(entry.path());
    if (entry.is_regular_file()) sync_file(entry.path());
  }
  sync_directory(directory);
}

fs::path parent_of(const fs::path& directory) {
  return directory.parent_path().empty() ? "." : directory.parent_path();
}

}  // namespace

fs::path newest_checkpoint_of(const fs::path& output_dir, const std::optional<std::string>& run) {
  RunIdentity own;
  own.id = run.value_or("");
  auto candidates = checkpoints_by_step(output_dir);
  for (; !candidates.empty(); candidates.pop_back()) {
    if (run && !own.owns(candidates.back())) continue;
    const auto damage = checkpoint_damage(candidates.back());
    if (!damage) return candidates.back();
    log::warning(candidates.back().string() + " is not intact and is skipped: " + *damage);
  }
  return {};
}

fs::path newest_checkpoint(const fs::path& output_dir) {
  if (auto newest = newest_checkpoint_of(output_dir, {}); !newest.empty()) return newest;
  throw_usage(error_id::checkpoint_missing,
              "resume_from_checkpoint: " + output_dir.string() +
                  " holds no intact checkpoint-N directory; name one, or train without resuming");
}

std::string last_good_hint(const fs::path& damaged) {
  // Beside it, or of an output_dir's own files, below it.
  auto candidates = checkpoints_by_step(damaged);
  if (candidates.empty()) candidates = checkpoints_by_step(parent_of(damaged));
  for (; !candidates.empty(); candidates.pop_back())
    if (!same(candidates.back(), damaged) && !checkpoint_damage(candidates.back()))
      return "; the last good checkpoint is " + candidates.back().string();
  return "; there is no other intact checkpoint beside it";
}

void rotate_checkpoints(const fs::path& output_dir, const fs::path& written, std::int64_t limit,
                        const std::optional<std::string>& best, const RunIdentity& run) {
  if (limit <= 0) return;
  const auto checkpoints = own_checkpoints(output_dir, run);
  const auto is_best = [&](const fs::path& path) { return best && same(path, *best); };
  const bool best_too = !is_best(written) && std::any_of(checkpoints.begin(), checkpoints.end(), is_best);
  const auto keep = std::max<std::size_t>(static_cast<std::size_t>(limit), best_too ? 2 : 1);
  std::size_t remaining = checkpoints.size();
  for (const auto& path : checkpoints) {
    if (remaining <= keep) break;
    if (same(path, written) || is_best(path)) continue;
    remove_checkpoint(path);
    --remaining;
  }
}

void remove_checkpoints_except(const fs::path& output_dir, const fs::path& best, const RunIdentity& run) {
  const auto checkpoints = own_checkpoints(output_dir, run);
  const auto is_best = [&](const fs::path& path) { return same(path, best); };
  if (std::none_of(checkpoints.begin(), checkpoints.end(), is_best)) return;
  for (const auto& path : checkpoints)
    if (!is_best(path)) remove_checkpoint(path);
}

std::vector<std::string> foreign_checkpoints(const fs::path& output_dir, const RunIdentity& run) {
  std::vector<std::string> out;
  for (const auto& path : checkpoints_by_step(output_dir))
    if (!run.owns(path)) out.push_back(path.filename().string());
  return out;
}

HiddenDirectory::HiddenDirectory(fs::path directory)
    : directory_(std::move(directory)), hidden_(parent_of(directory_) / hidden_name(directory_)) {
  std::error_code ec;
  fs::remove_all(hidden_, ec);
  write([](const fs::path& path) { fs::create_directories(path); });
}

HiddenDirectory::~HiddenDirectory() {
  std::error_code ec;
  if (!finished_) fs::remove_all(hidden_, ec);
}

void HiddenDirectory::write(const std::function<void(const fs::path&)>& write) const try {
  write(hidden_);
} catch (const fs::filesystem_error& e) {
  throw_run(error_id::file_write_failed, directory_.string() + " could not be written: " + e.code().message() +
                                             "; free some space or name another output_dir");
}

void HiddenDirectory::finish() {
  write([this](const fs::path& hidden) {
    sync_tree(hidden);
    replace_directory(hidden, directory_);
    sync_directory(parent_of(directory_));
  });
  finished_ = true;
}

void remove_torn_checkpoints(const fs::path& output_dir) {
  constexpr std::string_view torn = ".tmp", aside = ".tmp.old";  // of HiddenDirectory and replace_directory()
  std::error_code ec;
  for (const auto& entry : fs::directory_iterator(output_dir, ec)) {
    const std::string name = entry.path().filename().string();
    const bool is_aside = name.ends_with(aside);
    if (!name.starts_with('.') || !(is_aside || name.ends_with(torn))) continue;
    const std::string place = name.substr(1, name.size() - 1 - (is_aside ? aside : torn).size());
    if (!checkpoint_step(place) || !fs::is_directory(entry.symlink_status())) continue;
    if (is_aside && !fs::exists(fs::symlink_status(output_dir / place))) {
      fs::rename(entry.path(), output_dir / place, ec);
      continue;
    }
    log::warning(entry.path().string() + " is what a run was writing or removing when it ended; it is removed");
    fs::remove_all(entry.path(), ec);
  }
}

}  // namespace trainer
