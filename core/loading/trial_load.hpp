// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace trainer {

/// The first loading of a plugin that this user's account has not seen: in a process of its own, so that
/// one whose constructors crash, hang or end the process takes no training with it. What came of it is
/// kept by the file's SHA-256 and this host's build, in $TRAINER_CACHE_DIR/contacts.json
/// ($XDG_CACHE_HOME/libtrainer or ~/.cache/libtrainer by default); a file that is built again is a new
/// one. The process is `trainer`: $TRAINER_EXECUTABLE, or beside this program or this library; where
/// none is found, and with TRAINER_PLUGIN_TRUST=any, there is no such check.
struct Quarantine {
  std::string sha256, path, reason, date;  ///< date: 2026-11-25T12:00:00Z
};

/// Returns when the plugin loads; a usage Error when it did not, now or before.
void require_good_contact(const std::filesystem::path& file, const std::string& sha256);

std::vector<Quarantine> quarantined_plugins();

/// Forgets that a plugin was bad; false when nothing was known.
bool forgive_plugin(const std::string& sha256);

/// The child's side: loads the file, and says so in its record.
int answer_first_contact(const std::filesystem::path& file);

/// TRAINER_PLUGIN_TRUST=any.
bool trusts_any_plugin();

}  // namespace trainer
