// SPDX-License-Identifier: Apache-2.0
#include "loading/trial_load.hpp"

#include <cstdlib>

#include "base/child_process.hpp"
#include "discovery/platform.hpp"
#include "discovery/plugin_trust.hpp"
#include "loading/quarantine.hpp"
#include "trainer/error.hpp"

namespace trainer {
namespace fs = std::filesystem;
namespace {

constexpr double limit_s = 10;

// The program that can be asked: it must be able to load plugins without LibTorch.
fs::path find_trainer() {
  if (const char* given = std::getenv("TRAINER_EXECUTABLE")) return given;
  std::error_code ignored;
  const auto program = platform::executable_path();
  if (const auto name = program.filename(); name == "trainer" || name == "trainer-run")
    if (const auto found = program.parent_path() / "trainer"; fs::exists(found, ignored)) return found;
  const auto library = platform::library_path();
  const auto found = library.parent_path().parent_path() / "bin" / "trainer";
  return !library.empty() && fs::exists(found, ignored) ? found : fs::path();
}

[[noreturn]] void refuse(const fs::path& file, const Quarantine& bad) {
  throw_usage(error_id::plugin_quarantined,
              file.string() + " is in quarantine since " + bad.date + ": when it was first loaded, " + bad.reason +
                  ", expected it to load quietly; build it again, or lift this with `trainer plugins forgive " +
                  file.string() + "`");
}

}  // namespace

void require_trial_load(const fs::path& file, const std::string& sha256) {
  if (trusts_any_plugin()) return;
  if (const auto known = known_trial(sha256)) {
    if (known->reason.empty()) return;
    refuse(file, *known);
  }
  const auto program = find_trainer();
  if (program.empty()) return;
  const ChildEnd end =
      run_child({.command = {program.string(), "plugins", "contact", file.string()}, .limit_s = limit_s});
  if (end.good) {
    // Otherwise it was refused with a sentence, as it will be here.
    if (end.record == "loaded") keep_trial(sha256, file, "");
    if (!end.record.empty()) return;
  }
  refuse(file, keep_trial(sha256, file,
                          end.killed ? "it had not loaded after " + std::to_string(static_cast<int>(limit_s)) + " s"
                                     : "the process ended with " + end.ending));
}

}  // namespace trainer
