// SPDX-License-Identifier: Apache-2.0
//
// Reads the configuration and the WANDB_* variables.
#include "settings.hpp"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <stdexcept>

#include "shared/json_tree/json_tree.hpp"
#include "shared/run_config/names.hpp"
#include "shared/system/environment.hpp"

namespace trainer::wandb {
namespace {

using plugins::Setting;
using plugins::SettingReader;
using plugins::variable;

constexpr plugins::NameRule project_rule{.allowed = {}, .forbidden = "/\\#?%:", .most = 128};

/// Of a configuration the items of a list, of a variable what lies between commas.
std::vector<std::string> split_tags(const std::string& text, bool list) {
  std::vector<std::string> tags;
  if (list) {
    for (const plugins::JsonTree& item : plugins::parse_json(text).items) tags.push_back(item.text);
    return tags;
  }
  for (std::size_t at = 0; !text.empty() && at <= text.size();) {
    const std::size_t comma = std::min(text.find(',', at), text.size());
    tags.push_back(text.substr(at, comma - at));
    at = comma + 1;
  }
  return tags;
}

/// W&B's client refuses a run with an empty or a long tag.
void read_tags(Settings& settings, const SettingReader& given) {
  constexpr std::size_t longest = 64;
  const bool list = given.find("tags", {}).has_value();
  const auto [text, name] = given.setting("tags", {"WANDB_TAGS"});
  for (std::string& tag : split_tags(text, list)) {
    if (!tag.empty() && plugins::code_points(tag) <= longest)
      settings.tags.push_back(std::move(tag));
    else
      settings.warnings.push_back(name + " has " + (tag.empty() ? "an empty tag" : "the tag \"" + tag + "\"") +
                                  ", which is left out: W&B takes tags of 1 to 64 characters");
  }
}

[[noreturn]] void refuse(const Setting& setting, const char* expected) {
  throw std::invalid_argument(setting.name + " is \"" + setting.text + "\", expected " + expected +
                              "; correct it or unset it");
}

Settings::Mode read_mode(const SettingReader& given) {
  const Setting setting = given.setting("mode", {"WANDB_MODE"});
  const std::string& mode = setting.text;
  if (is_disabled(given)) return Settings::Mode::disabled;
  if (mode.empty() || mode == "online" || mode == "run" || mode == "shared") return Settings::Mode::online;
  if (mode == "offline" || mode == "dryrun") return Settings::Mode::offline;
  refuse(setting, "online, offline or disabled");
}

void read_resume(Settings& settings, const SettingReader& given) {
  const Setting setting = given.setting("resume", {"WANDB_RESUME"});
  const std::string& resume = setting.text;
  if (resume.empty()) return;
  if (resume == "never")
    settings.must_be_new = true;
  else if (resume == "allow" || resume == "must" || resume == "auto" || plugins::is_true(resume))
    settings.resume = true;
  else
    refuse(setting, "allow, must, auto or never");
  if (resume == "must" && settings.id.empty())
    throw std::invalid_argument(setting.name +
                                " is \"must\" but no run is named; set WANDB_RUN_ID or config.run_id to the "
                                "run to continue");
}

/// Whether a .netrc file has an entry for the machine.
bool has_login(const std::filesystem::path& netrc, std::string_view machine) {
  std::ifstream in(netrc);
  for (std::string word, last; in >> word; last = word)
    if (last == "machine" && word == machine) return true;
  return false;
}

void check_id(const Setting& setting) {
  const std::string& id = setting.text;
  // What W&B refuses; a slash would also leave the directory.
  if (id.find_first_of("/\\#?%:;,'") != std::string::npos) refuse(setting, "no / \\ # ? % : ; , or ' in it");
  if (!id.empty() && (id.find_first_of(" \t\r\n") == 0 || id.find_last_of(" \t\r\n") == id.size() - 1))
    refuse(setting, "no blank at its start or end");
}

}  // namespace

Settings read_settings(const SettingReader& given) {
  Settings settings;
  settings.mode = read_mode(given);
  if (settings.mode == Settings::Mode::disabled) return settings;
  const std::string root = given.text("dir", {"WANDB_DIR"});
  const std::filesystem::path base = root.empty() ? "." : plugins::expand_user(root);
  settings.directory = base / (std::filesystem::exists(base / ".wandb") ? ".wandb" : "wandb");
  const auto project = given.find("project", {});
  settings.project = project ? project->text : plugins::find_variable("WANDB_PROJECT").value_or("huggingface");
  plugins::fit_name(settings.project, project_rule, "the W&B project", settings.warnings);
  settings.entity = given.text("entity", {"WANDB_ENTITY"});
  settings.name = given.text("name", {"WANDB_NAME"});
  settings.group = given.text("run_group", {"WANDB_RUN_GROUP"});
  settings.job_type = given.text("job_type", {"WANDB_JOB_TYPE"});
  settings.notes = given.text("notes", {"WANDB_NOTES"});
  read_tags(settings, given);
  settings.sweep_id = given.text("sweep_id", {"WANDB_SWEEP_ID"});
  const Setting id = given.setting("run_id", {"WANDB_RUN_ID"});
  check_id(id);
  settings.id = id.text;
  settings.host = given.text("host", {"WANDB_HOST"});
  if (settings.host.empty()) settings.host = plugins::host_name();
  read_resume(settings, given);
  settings.console = given.text("console", {"WANDB_CONSOLE"}) != "off";
  settings.quiet = plugins::is_true(given.text("silent", {"WANDB_SILENT"})) ||
                   plugins::is_true(given.text("quiet", {"WANDB_QUIET"}));
  // W&B's settings that begin with x_ have two names.
  settings.stats = !plugins::is_true(given.text("disable_stats", {"WANDB__DISABLE_STATS", "WANDB_X_DISABLE_STATS"}));
  const auto interval =
      given.find("stats_sampling_interval", {"WANDB__STATS_SAMPLING_INTERVAL", "WANDB_X_STATS_SAMPLING_INTERVAL"});
  if (interval && !interval->text.empty()) {
    const std::string& text = interval->text;
    double seconds = 0;
    const auto end = std::from_chars(text.data(), text.data() + text.size(), seconds);
    // W&B's lower limit.
    if (end.ec != std::errc() || end.ptr != text.data() + text.size() || !(seconds >= 0.1))
      refuse(*interval, "seconds, 0.1 or more");
    settings.stats_interval = std::chrono::duration<double>(std::min(seconds, 86400.0));
  }
  settings.log_model = given.setting("log_model", {"WANDB_LOG_MODEL"});
  settings.watch = given.text("watch", {"WANDB_WATCH"});
  return settings;
}

bool has_key(const SettingReader& given) {
  if (!given.text("api_key", {"WANDB_API_KEY"}).empty()) return true;
  std::string host = given.text("base_url", {"WANDB_BASE_URL"});
  if (host.empty()) host = "https://api.wandb.ai";
  host = host.substr(host.find("//") == std::string::npos ? 0 : host.find("//") + 2);
  host = host.substr(0, host.find_first_of(":/"));
  const std::string netrc = variable("NETRC");
  if (!netrc.empty()) return has_login(plugins::expand_user(netrc), host);
  return has_login(plugins::expand_user("~/.netrc"), host) || has_login(plugins::expand_user("~/_netrc"), host);
}

bool is_disabled(const SettingReader& given) {
  if (const auto mode = given.find("mode", {}); mode) return mode->text == "disabled";
  return variable("WANDB_MODE") == "disabled" || plugins::is_true(variable("WANDB_DISABLED"));
}

}  // namespace trainer::wandb
