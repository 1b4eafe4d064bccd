// SPDX-License-Identifier: Apache-2.0
#include "trainer/plugin_results.hpp"

#include "trainer/error.hpp"
#include "trainer/files.hpp"
#include "trainer/json.hpp"
#include "trainer/log.hpp"

namespace trainer {
namespace fs = std::filesystem;
namespace {

constexpr const char* results_file = "plugin_results.json";

// What is below output_dir moves with it.
std::string movable(const std::string& place, const fs::path& output_dir) {
  if (place.empty() || is_url(place)) return place;
  const fs::path path = fs::absolute(place).lexically_normal();
  const fs::path relative = path.lexically_relative(fs::absolute(output_dir / "").lexically_normal());
  return relative.empty() || *relative.begin() == ".." ? path.string() : relative.generic_string();
}

// False when it is gone.
bool find_again(std::string& place, const fs::path& output_dir) {
  if (place.empty() || is_url(place)) return true;
  if (const fs::path path(place); path.is_relative()) place = (output_dir / path).lexically_normal().string();
  std::error_code ec;
  return fs::exists(place, ec);
}

}  // namespace

bool is_url(const std::string& place) { return place.find("://") != place.npos; }

void keep_plugin_results(const fs::path& output_dir, const std::vector<PluginResult>& results) try {
  const fs::path file = output_dir / results_file;
  if (results.empty()) {
    fs::remove(file);
    return;
  }
  json::array list;
  for (const PluginResult& one : results)
    list.push_back(json::object{
        {"plugin", one.plugin}, {"label", one.label}, {"place", movable(one.place, output_dir)}, {"view", one.view}});
  replace_file(file, json::dump(json::object{{"results", std::move(list)}}, {.indent = 2}) + "\n");
} catch (const std::exception& e) {  // a training needs it for nothing
  log::warning("where the results of plugins are could not be recorded: " + std::string(e.what()));
}

std::vector<PluginResult> kept_plugin_results(const fs::path& output_dir) try {
  const fs::path file = output_dir / results_file;
  std::error_code ec;
  if (!fs::is_regular_file(file, ec)) return {};
  std::vector<PluginResult> results;
  const json::value kept = json::parse(read_file(file), file.string());
  for (const auto& item : kept.as_object().at("results").as_array()) {
    const auto text = [&](const char* key) { return std::string(item.as_object().at(key).as_string()); };
    PluginResult one{text("plugin"), text("label"), text("place"), text("view")};
    if (find_again(one.place, output_dir)) results.push_back(std::move(one));
  }
  return results;
} catch (const std::exception& e) {
  log::warning("where the results of plugins are could not be read: " + std::string(e.what()));
  return {};
}

}  // namespace trainer
