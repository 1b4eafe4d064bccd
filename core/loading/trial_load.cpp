// SPDX-License-Identifier: Apache-2.0
#include "loading/trial_load.hpp"

#include "base/kept_error_id.hpp"
#include "loading/quarantine.hpp"
#include "loading/trial_process.hpp"
#include "trainer/error.hpp"
#include "trainer/log.hpp"

namespace trainer {
namespace fs = std::filesystem;
namespace {

constexpr double limit_s = 10;

constexpr std::string_view loaded = "loaded", refused = "refused ";

[[noreturn]] void refuse(const fs::path& file, const std::string& id, const Quarantine& bad) {
  throw_usage(error_id::plugin_quarantined,
              file.string() + " is in quarantine since " + bad.date + ": when it was first loaded, " + bad.reason +
                  ", expected it to load quietly; --isolate " + id + " loads it in a process of its own, --without " +
                  id + " leaves it out; build it again, or lift this with `trainer plugins forgive " + file.string() +
                  "`");
}

}  // namespace

std::string trial_answer(const std::function<void()>& load) {
  try {
    load();
    return std::string(loaded);
  } catch (const Error& e) {
    return std::string(refused) + e.id().text + " " + e.sentence();
  }
}

void require_trial_load(const fs::path& file, const std::string& id, const std::string& digest,
                        const std::function<void()>& load) {
  if (const auto known = known_trial(digest)) {
    if (known->reason.empty()) return;
    refuse(file, id, *known);
  }
  const auto trial = run_trial(file, [&load] { return trial_answer(load); }, limit_s);
  if (!trial) return log::debug(file.string() + " is loaded without a trial: there is no command `trainer` here");
  const ChildEnd& end = *trial;
  if (end.good && end.record == loaded) return void(keep_trial(digest, file, ""));
  if (end.good && end.record.compare(0, refused.size(), refused) == 0) {
    const auto space = end.record.find(' ', refused.size());
    throw_usage(kept_error_id(end.record.substr(refused.size(), space - refused.size())), end.record.substr(space + 1));
  }
  refuse(file, id,
         keep_trial(digest, file,
                    end.killed ? "it had not loaded after " + std::to_string(static_cast<int>(limit_s)) + " s"
                               : "the process ended with " + end.ending));
}

}  // namespace trainer
