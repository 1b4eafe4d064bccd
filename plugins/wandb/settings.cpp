// SPDX-License-Identifier: Apache-2.0
//
// Reads the WANDB_* variables.
#include "settings.hpp"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <stdexcept>

#include "shared/run_config/names.hpp"
#include "shared/system/environment.hpp"

namespace trainer::wandb {
namespace {

using plugins::variable;

constexpr plugins::NameRule project_rule{.allowed = {}, .forbidden = "/\\#?%:", .most = 128};

/// W&B's settings that begin with x_ have two names: WANDB__STATS_... and WANDB_X_STATS_...
std::string private_variable(const std::string& name) {
  const std::string value = variable(("WANDB__" + name).c_str());
  return value.empty() ? variable(("WANDB_X_" + name).c_str()) : value;
}

/// Tags between commas; W&B's client refuses a run with an empty or a long one.
void read_tags(Settings& settings) {
  constexpr std::size_t longest = 64;
  const std::string text = variable("WANDB_TAGS");
  for (std::size_t at = 0; !text.empty() && at <= text.size();) {
    const std::size_t comma = std::min(text.find(',', at), text.size());
    std::string tag = text.substr(at, comma - at);
    if (!tag.empty() && plugins::code_points(tag) <= longest)
      settings.tags.push_back(std::move(tag));
    else
      settings.warnings.push_back("WANDB_TAGS has " + (tag.empty() ? "an empty tag" : "the tag \"" + tag + "\"") +
                                  ", which is left out: W&B takes tags of 1 to 64 characters");
    at = comma + 1;
  }
}

[[noreturn]] void refuse(const char* name, const std::string& found, const char* expected) {
  throw std::invalid_argument(std::string(name) + " is \"" + found + "\", expected " + expected +
                              "; correct it or unset it");
}

Settings::Mode read_mode() {
  const std::string mode = variable("WANDB_MODE");
  if (is_disabled()) return Settings::Mode::disabled;
  if (mode.empty() || mode == "online" || mode == "run" || mode == "shared") return Settings::Mode::online;
  if (mode == "offline" || mode == "dryrun") return Settings::Mode::offline;
  refuse("WANDB_MODE", mode, "online, offline or disabled");
}

void read_resume(Settings& settings) {
  const std::string resume = variable("WANDB_RESUME");
  if (resume.empty()) return;
  if (resume == "never")
    settings.must_be_new = true;
  else if (resume == "allow" || resume == "must" || resume == "auto" || plugins::is_true(resume))
    settings.resume = true;
  else
    refuse("WANDB_RESUME", resume, "allow, must, auto or never");
  if (resume == "must" && settings.id.empty())
    throw std::invalid_argument(
        "WANDB_RESUME is \"must\" but no run is named; set WANDB_RUN_ID to the run to continue");
}

/// Whether a .netrc file has an entry for the machine.
bool has_login(const std::filesystem::path& netrc, std::string_view machine) {
  std::ifstream in(netrc);
  for (std::string word, last; in >> word; last = word)
    if (last == "machine" && word == machine) return true;
  return false;
}

void check_id(const std::string& id) {
  // What W&B refuses; a slash would also leave the directory.
  if (id.find_first_of("/\\#?%:;,'") != std::string::npos) refuse("WANDB_RUN_ID", id, "no / \\ # ? % : ; , or ' in it");
  if (!id.empty() && (id.find_first_of(" \t\r\n") == 0 || id.find_last_of(" \t\r\n") == id.size() - 1))
    refuse("WANDB_RUN_ID", id, "no blank at its start or end");
}

}  // namespace

Settings read_settings() {
  Settings settings;
  settings.mode = read_mode();
  if (settings.mode == Settings::Mode::disabled) return settings;
  const std::string root = variable("WANDB_DIR");
  const std::filesystem::path base = root.empty() ? "." : plugins::expand_user(root);
  settings.directory = base / (std::filesystem::exists(base / ".wandb") ? ".wandb" : "wandb");
  settings.project = plugins::find_variable("WANDB_PROJECT").value_or("huggingface");
  plugins::fit_name(settings.project, project_rule, "the W&B project", settings.warnings);
  settings.entity = variable("WANDB_ENTITY");
  settings.name = variable("WANDB_NAME");
  settings.group = variable("WANDB_RUN_GROUP");
  settings.job_type = variable("WANDB_JOB_TYPE");
  settings.notes = variable("WANDB_NOTES");
  read_tags(settings);
  settings.sweep_id = variable("WANDB_SWEEP_ID");
  settings.id = variable("WANDB_RUN_ID");
  settings.host = variable("WANDB_HOST");
  if (settings.host.empty()) settings.host = plugins::host_name();
  check_id(settings.id);
  read_resume(settings);
  settings.console = variable("WANDB_CONSOLE") != "off";
  settings.quiet = plugins::is_true(variable("WANDB_SILENT")) || plugins::is_true(variable("WANDB_QUIET"));
  settings.stats = !plugins::is_true(private_variable("DISABLE_STATS"));
  if (const std::string text = private_variable("STATS_SAMPLING_INTERVAL"); !text.empty()) {
    double seconds = 0;
    const auto end = std::from_chars(text.data(), text.data() + text.size(), seconds);
    // W&B's lower limit.
    if (end.ec != std::errc() || end.ptr != text.data() + text.size() || !(seconds >= 0.1))
      refuse("WANDB__STATS_SAMPLING_INTERVAL", text, "seconds, 0.1 or more");
    settings.stats_interval = std::chrono::duration<double>(std::min(seconds, 86400.0));
  }
  settings.log_model = variable("WANDB_LOG_MODEL");
  settings.watch = variable("WANDB_WATCH");
  return settings;
}

bool has_key() {
  if (!variable("WANDB_API_KEY").empty()) return true;
  std::string host = variable("WANDB_BASE_URL");
  if (host.empty()) host = "https://api.wandb.ai";
  host = host.substr(host.find("//") == std::string::npos ? 0 : host.find("//") + 2);
  host = host.substr(0, host.find_first_of(":/"));
  const std::string netrc = variable("NETRC");
  if (!netrc.empty()) return has_login(plugins::expand_user(netrc), host);
  return has_login(plugins::expand_user("~/.netrc"), host) || has_login(plugins::expand_user("~/_netrc"), host);
}

bool is_disabled() { return variable("WANDB_MODE") == "disabled" || plugins::is_true(variable("WANDB_DISABLED")); }

}  // namespace trainer::wandb
