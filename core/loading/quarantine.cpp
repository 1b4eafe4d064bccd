// SPDX-License-Identifier: Apache-2.0
#include "loading/quarantine.hpp"

#include <trainer/abi.h>

#include "base/process.hpp"
#include "discovery/platform.hpp"
#include "trainer/files.hpp"
#include "trainer/json.hpp"
#include "trainer/log.hpp"
#include "trainer/version.hpp"

#if defined(_MSC_VER)
#define TRAINER_TEXT_OF(number) #number
#define TRAINER_TEXT(number) TRAINER_TEXT_OF(number)
#define TRAINER_COMPILER "MSVC " TRAINER_TEXT(_MSC_FULL_VER)
#else
#define TRAINER_COMPILER __VERSION__
#endif

namespace trainer {
namespace fs = std::filesystem;
namespace {

// What is known holds for the host that found it out.
std::string host_build() {
  return std::string(version) + ", abi " + std::to_string(TRAINER_ABI_MAJOR) + "." + std::to_string(TRAINER_ABI_MINOR) +
         ", " TRAINER_COMPILER;
}

fs::path contacts_file() {
  const auto directory = platform::user_cache_directory();
  return directory.empty() ? fs::path() : directory / "contacts.json";
}

std::string text_of(const json::object& entry, const char* key) {
  const auto* found = entry.if_contains(key);
  return found && found->is_string() ? std::string(found->get_string()) : std::string();
}

// A damaged or missing file is as good as an empty one.
json::object read_contacts() try {
  const auto file = contacts_file();
  if (file.empty() || !fs::exists(file)) return {};
  const json::value parsed = json::parse(read_file(file), file.string());
  return parsed.is_object() ? parsed.get_object() : json::object();
} catch (const std::exception& e) {
  log::debug(std::string("what is known about plugins is read again: ") + e.what());
  return {};
}

// Another program may write at the same time: then one of the two finds something out again.
void keep(const std::string& sha256, const json::object* entry) try {
  const auto file = contacts_file();
  if (file.empty()) return;
  json::object contacts = read_contacts();
  if (entry) {
    // A plugin that is built again and again leaves one entry, and one that is gone leaves none.
    json::object others;
    std::error_code ignored;
    for (const auto& item : contacts) {
      const auto path = item.value().is_object() ? text_of(item.value().get_object(), "path") : std::string();
      if (path != text_of(*entry, "path") && fs::exists(path, ignored)) others.emplace(item.key(), item.value());
    }
    contacts = std::move(others);
    contacts[sha256] = *entry;
  } else {
    contacts.erase(sha256);
  }
  fs::create_directories(file.parent_path());
  replace_file(file, json::dump(contacts, {.indent = 1}) + "\n");
} catch (const std::exception& e) {
  log::debug(std::string("what was found about a plugin could not be kept: ") + e.what());
}

// The entry, when this host made it.
std::optional<Quarantine> entry_of(std::string_view sha256, const json::value& item) {
  if (!item.is_object() || text_of(item.get_object(), "host") != host_build()) return {};
  const auto& entry = item.get_object();
  return Quarantine{std::string(sha256), text_of(entry, "path"), text_of(entry, "reason"), text_of(entry, "date")};
}

}  // namespace

std::optional<Quarantine> known_trial(const std::string& sha256) {
  const json::object contacts = read_contacts();
  const auto* known = contacts.if_contains(sha256);
  return known ? entry_of(sha256, *known) : std::nullopt;
}

Quarantine keep_trial(const std::string& sha256, const fs::path& file, const std::string& reason) {
  json::object entry{{"path", file.string()}, {"host", host_build()}, {"date", utc_now("%Y-%m-%dT%H:%M:%SZ")}};
  if (!reason.empty()) entry["reason"] = reason;
  keep(sha256, &entry);
  return *entry_of(sha256, entry);
}

std::vector<Quarantine> quarantined_plugins() {
  std::vector<Quarantine> found;
  for (const auto& item : read_contacts())
    if (auto entry = entry_of(item.key(), item.value()); entry && !entry->reason.empty())
      found.push_back(std::move(*entry));
  return found;
}

bool forgive_plugin(const std::string& sha256) {
  if (!read_contacts().contains(sha256)) return false;
  keep(sha256, nullptr);
  return true;
}

}  // namespace trainer
