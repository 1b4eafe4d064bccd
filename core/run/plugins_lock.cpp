// SPDX-License-Identifier: Apache-2.0
#include "run/plugins_lock.hpp"

#include <map>

#include "trainer/error.hpp"
#include "trainer/files.hpp"
#include "trainer/log.hpp"
#include "trainer/plugin_registry.hpp"

namespace trainer {
namespace {

struct Locked {
  std::string version, sha256;
  std::map<std::string, std::string> libraries;  // SHA-256 by name
  bool operator==(const Locked&) const = default;
  std::string text() const {
    std::string out = version + " (sha256 " + sha256.substr(0, 12);
    for (const auto& [name, digest] : libraries) out += ", " + name + " " + digest.substr(0, 12);
    return out + ")";
  }
};
using Lock = std::map<std::string, Locked>;

Lock used(const std::vector<std::shared_ptr<CallbackEntry>>& entries) {
  Lock lock;
  for (const auto& entry : entries)
    if (const PluginFile* file = entry->plugin();
        file && !file->path.empty())  // what the program brings is the program
      lock[file->note.id] = {file->note.version, file->sha256, file->libraries};
  return lock;
}

// A lock that cannot be read is no reason not to train.
Lock read(const std::filesystem::path& file) try {
  Lock lock;
  const json::value parsed = json::parse(read_file(file), file.string());
  for (const auto& item : parsed.as_object().at("plugins").as_array()) {
    const auto& plugin = item.as_object();
    const auto text = [&](const char* key) { return std::string(plugin.at(key).as_string()); };
    Locked& locked = lock[text("id")] = {text("version"), text("sha256"), {}};
    if (const auto* libraries = plugin.if_contains("libraries"))
      for (const auto& library : libraries->as_object())
        locked.libraries[std::string(library.key())] = std::string(library.value().as_string());
  }
  return lock;
} catch (const std::exception& e) {
  log::warning(file.string() + " could not be read (" + e.what() +
               "), so the plugins of the previous run are unknown; it is written again");
  return {};
}

void warn_of_changes(const Lock& before, const Lock& now) {
  for (const auto& [id, plugin] : before) {
    const auto found = now.find(id);
    if (found == now.end())
      log::warning("this run goes on without the plugin " + id + " " + plugin.text() + ", which it had before");
    else if (found->second != plugin)
      log::warning("this run goes on with the plugin " + id + " " + found->second.text() + ", it had " + plugin.text() +
                   " before");
  }
  for (const auto& [id, plugin] : now)
    if (!before.count(id))
      log::warning("this run goes on with the plugin " + id + " " + plugin.text() + ", which it had not before");
}

}  // namespace

void update_plugins_lock(const std::filesystem::path& output_dir,
                         const std::vector<std::shared_ptr<CallbackEntry>>& entries, bool resumes) try {
  const auto file = output_dir / "plugins.lock";
  const Lock now = used(entries);
  std::error_code ignored;
  const bool there = std::filesystem::exists(file, ignored);
  if (resumes && there) warn_of_changes(read(file), now);
  if (now.empty() && !there) return;
  json::array plugins;
  for (const auto& [id, plugin] : now) {
    json::object entry{{"id", id}, {"version", plugin.version}, {"sha256", plugin.sha256}};
    if (!plugin.libraries.empty()) {
      json::object libraries;
      for (const auto& [name, digest] : plugin.libraries) libraries[name] = digest;
      entry["libraries"] = std::move(libraries);
    }
    plugins.push_back(std::move(entry));
  }
  replace_file(file, json::dump(json::object{{"plugins", std::move(plugins)}}, {.indent = 2}) + "\n");
} catch (const std::exception& e) {
  // A training needs it for nothing.
  log::warning("the plugins of this run could not be recorded: " + std::string(e.what()));
}

}  // namespace trainer
