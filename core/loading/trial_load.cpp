// SPDX-License-Identifier: Apache-2.0
#include "loading/trial_load.hpp"

#include <chrono>
#include <cstdlib>
#include <ctime>

#include "base/child_process.hpp"
#include "discovery/platform.hpp"
#include "trainer/error.hpp"
#include "trainer/files.hpp"
#include "trainer/json.hpp"
#include "trainer/log.hpp"
#include "loading/plugin_library.hpp"
#include "trainer/version.hpp"

namespace trainer {
namespace fs = std::filesystem;
namespace {

constexpr double limit_s = 10;

// What is known holds for the host that found it out.
std::string host_build() {
  return std::string(version) + ", abi " + std::to_string(TRAINER_ABI_MAJOR) + "." + std::to_string(TRAINER_ABI_MINOR) +
         ", " __VERSION__;
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
  log::debug(std::string("what is known of plugins is read anew: ") + e.what());
  return {};
}

// Another program may write at the same time: then one of the two finds something out again.
void keep(const std::string& sha256, const json::object* entry) try {
  const auto file = contacts_file();
  if (file.empty()) return;
  json::object contacts = read_contacts();
  if (entry) {
    // A plugin that is built again and again leaves one entry.
    json::object others;
    for (const auto& item : contacts)
      if (!item.value().is_object() || text_of(item.value().get_object(), "path") != text_of(*entry, "path"))
        others.emplace(item.key(), item.value());
    contacts = std::move(others);
    contacts[sha256] = *entry;
  } else {
    contacts.erase(sha256);
  }
  fs::create_directories(file.parent_path());
  replace_file(file, json::dump(contacts, {.indent = 1}) + "\n");
} catch (const std::exception& e) {
  log::debug(std::string("what was found of a plugin is not kept: ") + e.what());
}

std::string now() {
  const std::time_t time = std::time(nullptr);
  char text[32];
  std::tm parts{};
#if defined(_WIN32)
  gmtime_s(&parts, &time);
#else
  gmtime_r(&time, &parts);
#endif
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

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

[[noreturn]] void refuse(const fs::path& file, const std::string& reason, const std::string& date) {
  throw_usage(error_id::plugin_quarantined,
              file.string() + " is in quarantine since " + date + ": when it was first loaded, " + reason +
                  ", expected it to load quietly; build it again, or lift this with `trainer plugins forgive " +
                  file.string() + "`");
}

}  // namespace

bool trusts_any_plugin() {
  const char* trust = std::getenv("TRAINER_PLUGIN_TRUST");
  return trust && std::string_view(trust) == "any";
}

void require_good_contact(const fs::path& file, const std::string& sha256) {
  if (trusts_any_plugin()) return;
  const json::object contacts = read_contacts();
  if (const auto* known = contacts.if_contains(sha256); known && known->is_object()) {
    const auto& entry = known->get_object();
    if (text_of(entry, "host") == host_build()) {
      const auto reason = text_of(entry, "reason");
      if (reason.empty()) return;
      refuse(file, reason, text_of(entry, "date"));
    }
  }
  const auto program = find_trainer();
  if (program.empty()) return;
  const ChildEnd end =
      run_child({.command = {program.string(), "plugins", "contact", file.string()}, .limit_s = limit_s});
  json::object entry{{"path", file.string()}, {"host", host_build()}, {"date", now()}};
  if (end.record == "loaded" && end.good) return keep(sha256, &entry);
  if (!end.record.empty() && end.good) return;  // it was refused with a sentence, as it will be here
  const std::string reason = end.killed ? "it had not loaded after " + std::to_string(static_cast<int>(limit_s)) + " s"
                                        : "the process ended with " + end.ending;
  entry["reason"] = reason;
  keep(sha256, &entry);
  refuse(file, reason, text_of(entry, "date"));
}

std::vector<Quarantine> quarantined_plugins() {
  std::vector<Quarantine> found;
  for (const auto& item : read_contacts())
    if (item.value().is_object())
      if (const auto& entry = item.value().get_object();
          !text_of(entry, "reason").empty() && text_of(entry, "host") == host_build())
        found.push_back(
            {std::string(item.key()), text_of(entry, "path"), text_of(entry, "reason"), text_of(entry, "date")});
  return found;
}

bool forgive_plugin(const std::string& sha256) {
  if (!read_contacts().contains(sha256)) return false;
  keep(sha256, nullptr);
  return true;
}

int answer_first_contact(const fs::path& file) {
  begin_child();
  std::string answer = "loaded";
  try {
    PluginLibrary::load(read_plugin_file(file), Contact::known);
  } catch (const std::exception& e) {
    answer = e.what();
  }
  for (char& c : answer)
    if (c == '\n') c = ' ';
  return write_record(answer);
}

}  // namespace trainer
