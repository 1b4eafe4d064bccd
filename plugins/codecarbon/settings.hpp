// SPDX-License-Identifier: Apache-2.0
//
// CodeCarbon's settings, and the places that they come from.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "power.hpp"

namespace trainer::codecarbon {

/// Names and values from one place, as text, and what to call that place in a message.
struct Layer {
  std::string where;
  std::map<std::string, std::string> values;
};

/// CodeCarbon's settings, under its names.
struct Settings {
  std::string project_name = "codecarbon";
  std::string experiment_id = "5b0fa12a-3dd7-45bb-9766-cc326314d9f1";  // CodeCarbon's own default
  double measure_power_secs = 15;
  std::string country_iso_code;                             // upper-case; empty: unknown
  std::string region;                                       // lower-case; only a column
  std::optional<double> force_cpu_power;                    // W, stands for the TDP
  std::optional<double> force_ram_power;                    // W
  std::optional<double> force_carbon_intensity_g_co2e_kwh;  // g CO2e/kWh
  bool force_mode_cpu_load = false;                         // no RAPL
  double pue = 1;                                           // power usage effectiveness: multiplies every energy
  double wue = 0;                                           // L of water for each kWh
  std::optional<std::string> gpu_ids;                       // see select_gpus()
  std::string rapl_dir;                                     // empty: the system's
  bool rapl_include_dram = false;
  bool rapl_prefer_psys = false;
  bool save_to_file = true;
  std::string output_dir;  // empty: the run's
  std::string output_file = "emissions.csv";
};

/// All keys that Settings has, in the note's order.
const std::vector<std::string>& setting_names();

/// The [codecarbon] section of an INI file as configparser of Python reads it; empty when there is
/// no such file. A line that is no setting is named in a warning and passed over.
Layer read_ini(const std::filesystem::path& path, const Log& log);

/// CODECARBON_<NAME> of the environment, in either case.
Layer read_environment(const std::map<std::string, std::string>& environment);

/// Lays `layers` over each other, later ones over earlier ones, and `given`, the run's own
/// configuration, over all. As in CodeCarbon a value that makes no sense in a layer is named in a
/// warning and not used, and an unknown name is ignored (with a debug line); in `given` it throws.
Settings resolve(const std::vector<Layer>& layers, const Layer& given, const Log& log);

}  // namespace trainer::codecarbon
