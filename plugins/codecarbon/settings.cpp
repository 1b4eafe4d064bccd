// SPDX-License-Identifier: Apache-2.0
//
// Reads CodeCarbon's settings: its INI files, the environment, the run's configuration.
#include "settings.hpp"

#include <trainer/host.h>

#include <functional>
#include <limits>
#include <sstream>
#include <stdexcept>
#include <trainer/sdk/path.hpp>

#include "shared/system/files.hpp"
#include "text.hpp"

namespace trainer::codecarbon {
namespace {

constexpr double maximum = std::numeric_limits<double>::max();

/// How a text becomes a setting: false when it makes no sense.
struct Key {
  const char* name;
  const char* expected;
  std::function<bool(Settings&, const std::string&)> set;
};

Key text(const char* name, std::string Settings::*field) {
  return {name, "a text", [field](Settings& settings, const std::string& value) {
            settings.*field = value;
            return true;
          }};
}

Key name_of_file(const char* name, std::string Settings::*field) {
  return {name, "a file name without a directory", [field](Settings& settings, const std::string& value) {
            if (value.empty() || sdk::path_of(value) != sdk::path_of(value).filename()) return false;
            settings.*field = value;
            return true;
          }};
}

template <typename Field>
Key number(const char* name, Field Settings::*field, double minimum, const char* expected) {
  return {name, expected, [field, minimum](Settings& settings, const std::string& value) {
            const auto parsed = parse_number(value);
            if (!parsed || *parsed < minimum || *parsed > maximum) return false;
            settings.*field = *parsed;
            return true;
          }};
}

Key flag(const char* name, bool Settings::*field) {
  return {name, "true or false", [field](Settings& settings, const std::string& value) {
            const std::string lower = to_lower(trim(value));
            if (lower != "true" && lower != "false") return false;
            settings.*field = lower == "true";
            return true;
          }};
}

const std::vector<Key>& keys() {
  static const std::vector<Key> all = {
      text("project_name", &Settings::project_name),
      text("experiment_id", &Settings::experiment_id),
      number("measure_power_secs", &Settings::measure_power_secs, 0.05, "a number of seconds from 0.05"),
      {"country_iso_code", "three letters, such as FRA",
       [](Settings& settings, const std::string& value) {
         const std::string code = to_upper(trim(value));
         if (code.size() != 3 || code.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ") != std::string::npos)
           return false;
         settings.country_iso_code = code;
         return true;
       }},
      {"region", "a text",
       [](Settings& settings, const std::string& value) {
         settings.region = to_lower(value);
         return true;
       }},
      number("force_cpu_power", &Settings::force_cpu_power, 0, "a number of watts from 0"),
      number("force_ram_power", &Settings::force_ram_power, 0, "a number of watts from 0"),
      number("force_carbon_intensity_g_co2e_kwh", &Settings::force_carbon_intensity_g_co2e_kwh, 0,
             "a number of g CO2e/kWh from 0"),
      flag("force_mode_cpu_load", &Settings::force_mode_cpu_load),
      number("pue", &Settings::pue, 1, "a number from 1"),
      number("wue", &Settings::wue, 0, "a number of L/kWh from 0"),
      {"gpu_ids", "GPU indices or UUIDs with commas",
       [](Settings& settings, const std::string& value) {
         settings.gpu_ids = value;
         return true;
       }},
      text("rapl_dir", &Settings::rapl_dir),
      flag("rapl_include_dram", &Settings::rapl_include_dram),
      flag("rapl_prefer_psys", &Settings::rapl_prefer_psys),
      flag("save_to_file", &Settings::save_to_file),
      text("output_dir", &Settings::output_dir),
      name_of_file("output_file", &Settings::output_file)};
  return all;
}

const Key* find_key(const std::string& name) {
  for (const Key& key : keys())
    if (name == key.name) return &key;
  return nullptr;
}

void say(const Log& log, std::uint32_t level, const std::string& line) {
  if (log) log(level, line);
}

}  // namespace

const std::vector<std::string>& setting_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> out;
    for (const Key& key : keys()) out.emplace_back(key.name);
    return out;
  }();
  return names;
}

Layer read_ini(const std::filesystem::path& path, const Log& log) {
  Layer layer{sdk::text_of(path), {}};
  std::error_code error;
  const auto bytes = plugins::read_file(path, error);
  if (!bytes && error != std::errc::no_such_file_or_directory && error != std::errc::not_a_directory)
    say(log, TRAINER_LOG_WARNING,
        sdk::text_of(path) + " could not be read: " + error.message() + "; its settings are not used");
  std::istringstream lines(bytes.value_or(std::string()));
  std::string line, section, key;
  std::map<std::string, std::string> defaults;  // of [DEFAULT], which every section has
  for (int number = 1; std::getline(lines, line); ++number) {
    const std::string_view content = trim(line);
    if (content.empty() || content[0] == '#' || content[0] == ';') continue;
    const bool ours = section == "codecarbon" || section == "DEFAULT";
    auto& values = section == "DEFAULT" ? defaults : layer.values;
    if ((line[0] == ' ' || line[0] == '\t') && !key.empty()) {
      if (ours) values[key].append("\n").append(content);  // the value goes on
      continue;
    }
    if (content[0] == '[' && content.back() == ']') {
      section = content.substr(1, content.size() - 2);
      key.clear();
      continue;
    }
    const std::size_t separator = content.find_first_of("=:");
    if (separator == std::string_view::npos || separator == 0 || section.empty()) {
      say(log, TRAINER_LOG_WARNING,
          sdk::text_of(path) + ", line " + std::to_string(number) + ": \"" + std::string(content) +
              "\" is not used; expected [codecarbon] and below it lines of the form name = value");
      continue;
    }
    key = to_lower(trim(content.substr(0, separator)));
    if (ours) values[key] = trim(content.substr(separator + 1));
  }
  layer.values.insert(defaults.begin(), defaults.end());
  return layer;
}

Layer read_environment(const std::map<std::string, std::string>& environment) {
  Layer layer{"the environment", {}};
  constexpr std::string_view prefix = "codecarbon_";
  for (const auto& [name, value] : environment) {
    const std::string lower = to_lower(name);
    if (starts_with(lower, prefix)) layer.values[lower.substr(prefix.size())] = value;
  }
  return layer;
}

Settings resolve(const std::vector<Layer>& layers, const Layer& given, const Log& log) {
  Settings settings;
  for (const Layer& layer : layers) {
    for (const auto& [name, value] : layer.values) {
      const Key* key = find_key(name);
      if (key == nullptr) {
        // The value may be a secret, such as an api_key, so only the name is said.
        say(log, TRAINER_LOG_DEBUG, layer.where + " sets " + name + ", which this plugin does not have");
        if (name == "tracking_mode" && to_lower(value) == "process")
          say(log, TRAINER_LOG_WARNING,
              layer.where +
                  " sets tracking_mode to process, but only machine is supported: the "
                  "energy of the whole machine is reported");
      } else if (!key->set(settings, value)) {
        say(log, TRAINER_LOG_WARNING,
            layer.where + ": " + name + " is \"" + value + "\", which is not used; expected " + key->expected);
      }
    }
  }
  for (const auto& [name, value] : given.values) {
    const Key* key = find_key(name);
    if (key == nullptr) throw std::invalid_argument(given.where + " has no setting \"" + name + "\"");
    if (!key->set(settings, value))
      throw std::invalid_argument(given.where + ": " + name + " is \"" + value + "\"; expected " + key->expected);
  }
  return settings;
}

}  // namespace trainer::codecarbon
