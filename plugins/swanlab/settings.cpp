// SPDX-License-Identifier: Apache-2.0
//
// Reads the configuration and the SWANLAB_* variables, the older names after the newer ones.
#include "settings.hpp"

#include <algorithm>
#include <stdexcept>
#include <trainer/sdk/path.hpp>

#include "shared/json_tree/json_tree.hpp"
#include "shared/run_config/names.hpp"
#include "shared/system/environment.hpp"

namespace trainer::swanlab {
namespace {

using plugins::Setting;
using plugins::SettingReader;

[[noreturn]] void refuse(const Setting& setting, const char* expected) {
  throw std::invalid_argument(setting.name + " is \"" + setting.text + "\", expected " + expected +
                              "; correct it or unset it");
}

/// A JSON list of texts, or texts between commas.
std::vector<std::string> read_tags(const std::string& text) {
  std::vector<std::string> tags;
  if (!text.empty() && text.front() == '[') {
    for (const plugins::JsonTree& item : plugins::parse_json(text).items) tags.push_back(item.text);
    return tags;
  }
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find(',', at), text.size());
    const std::size_t begin = text.find_first_not_of(' ', at);
    if (begin < end) {
      const std::size_t last = text.find_last_not_of(' ', end - 1);
      tags.push_back(text.substr(begin, last + 1 - begin));
    }
    at = end + 1;
  }
  return tags;
}

Setting mode_setting(const SettingReader& given) { return given.setting("mode", {"SWANLAB_MODE"}); }

Settings::Mode read_mode(const SettingReader& given) {
  const Setting setting = mode_setting(given);
  const std::string& mode = setting.text;
  if (mode.empty() || mode == "cloud" || mode == "online") return Settings::Mode::online;
  if (mode == "offline" || mode == "local") return Settings::Mode::offline;
  if (mode == "disabled") return Settings::Mode::disabled;
  refuse(setting, "online, cloud, offline, local or disabled");
}

Settings::Resume read_resume(const SettingReader& given, bool resuming) {
  const Setting setting = given.setting("resume", {"SWANLAB_RESUME", "SWANLAB_RUN_RESUME"});
  const std::string& resume = setting.text;
  if (resume.empty()) return resuming ? Settings::Resume::allow : Settings::Resume::never;
  if (resume == "allow" || plugins::is_true(resume)) return Settings::Resume::allow;
  if (resume == "must") return Settings::Resume::must;
  if (resume == "never" || resume == "false" || resume == "False") return Settings::Resume::never;
  refuse(setting, "must, allow or never");
}

constexpr plugins::NameRule project_rule{.allowed = "_-+.", .forbidden = {}, .most = 100};

/// As SwanLab's client refuses it, for names of directories.
bool is_reserved(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7F ||
         std::string_view("<>:\"/\\|?*#%").find(c) != std::string_view::npos;
}

}  // namespace

Settings read_settings(const SettingReader& given, bool resuming) {
  Settings s;
  s.mode = read_mode(given);
  if (s.mode == Settings::Mode::disabled) return s;
  const std::string directory = given.text("log_dir", {"SWANLAB_LOG_DIR", "SWANLAB_LOGDIR"});
  s.directory = sdk::path_of(directory.empty() ? "swanlog" : directory);
  s.project = given.text("project", {"SWANLAB_PROJECT", "SWANLAB_PROJECT_NAME", "SWANLAB_PROJ_NAME"});
  if (s.project.empty())
    s.project = plugins::fit_name(sdk::text_of(std::filesystem::current_path().filename()), project_rule);
  s.workspace = given.text("workspace", {"SWANLAB_PROJECT_WORKSPACE", "SWANLAB_WORKSPACE"});
  s.is_public = plugins::is_true(given.text("public", {"SWANLAB_PROJECT_PUBLIC", "SWANLAB_PUBLIC"}));
  s.name = given.text("exp_name", {"SWANLAB_EXPERIMENT_NAME", "SWANLAB_EXP_NAME"});
  s.description = given.text("description", {"SWANLAB_EXPERIMENT_DESCRIPTION", "SWANLAB_DESCRIPTION"});
  s.group = given.text("group", {"SWANLAB_EXPERIMENT_GROUP", "SWANLAB_GROUP"});
  s.job_type = given.text("job_type", {"SWANLAB_EXPERIMENT_JOB_TYPE", "SWANLAB_JOB_TYPE"});
  s.color = given.text("exp_color", {"SWANLAB_EXPERIMENT_COLOR", "SWANLAB_EXP_COLOR"});
  if (s.color.empty()) s.color = "#528d59";
  s.tags = read_tags(given.text("tags", {"SWANLAB_EXPERIMENT_TAGS", "SWANLAB_TAGS"}));
  const Setting id = given.setting("run_id", {"SWANLAB_RUN_ID"});
  s.id = id.text;
  if (std::any_of(s.id.begin(), s.id.end(), is_reserved))
    refuse(id, "none of < > : \" / \\ | ? * # % and no control character in it");
  s.resume = read_resume(given, resuming);
  s.console = given.text("terminal_proxy_type", {"SWANLAB_TERMINAL_PROXY_TYPE"}) != "none";
  return s;
}

void fit_names(Settings& s) {
  const auto limited = [&](std::string& text, std::size_t most, const char* what) {
    if (plugins::code_points(text) <= most) return;
    s.warnings.push_back(std::string(what) + " is cut: SwanLab takes " + std::to_string(most) + " characters");
    text = plugins::first_code_points(text, most);
  };
  plugins::fit_name(s.project, project_rule, "the SwanLab project", s.warnings);
  plugins::fit_name(s.workspace, {.allowed = "-_", .forbidden = {}, .most = 25}, "the SwanLab workspace", s.warnings);
  limited(s.name, 512, "the experiment's name");
  limited(s.description, 1024, "the description");
  limited(s.group, 512, "the group");
  limited(s.job_type, 512, "the job type");
  for (std::string& tag : s.tags) limited(tag, 512, "a tag");
  if (s.tags.size() > 30) {
    s.warnings.push_back("SwanLab takes 30 tags; those after them are left out");
    s.tags.resize(30);
  }
}

bool has_key(const SettingReader& given) {
  if (!given.text("api_key", {"SWANLAB_API_KEY"}).empty()) return true;
  std::string root = plugins::variable("SWANLAB_ROOT");
  if (root.empty()) root = plugins::variable("SWANLAB_SAVE_DIR");
  const std::filesystem::path home = root.empty() ? plugins::expand_user("~/.swanlab") : sdk::path_of(root);
  std::error_code error;  // one login a file: any entry counts
  return std::filesystem::is_regular_file(".swanlab/.netrc", error) ||
         std::filesystem::is_regular_file(home / ".netrc", error);
}

bool is_disabled(const SettingReader& given) { return mode_setting(given).text == "disabled"; }

}  // namespace trainer::swanlab
