// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

/// What trial loads (trial_load.hpp) found, kept for this user's account by the plugin's digest (PluginParts) and this
/// host's build, in $TRAINER_CACHE_DIR/contacts.json ($XDG_CACHE_HOME/libtrainer or ~/.cache/libtrainer by default); a
/// file that is built again is a new one. "Contact" is the older word for a trial load.
namespace trainer {

/// One plugin that did not load quietly.
struct Quarantine {
  std::string sha256, path, reason, date;  ///< date: 2026-11-25T12:00:00Z
};

/// What is known of these bytes: nothing, or an entry whose reason is empty when they loaded well.
std::optional<Quarantine> known_trial(const std::string& sha256);

/// Keeps it, dated now; an entry of the same path takes the place of an older one. A cache that cannot be written
/// costs a trial load the next time, and no more.
Quarantine keep_trial(const std::string& sha256, const std::filesystem::path& file, const std::string& reason);

std::vector<Quarantine> quarantined_plugins();

/// Forgets that a plugin was bad; false when nothing was known.
bool forgive_plugin(const std::string& sha256);

}  // namespace trainer
