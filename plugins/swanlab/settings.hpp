// SPDX-License-Identifier: Apache-2.0
//
// What a user sets for SwanLab.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "shared/settings/settings.hpp"

namespace trainer::swanlab {

/// What the configuration and the SWANLAB_* variables say: the names of transformers' callback first, then those of
/// SwanLab 0.10, then its older ones.
struct Settings {
  enum class Mode { online, offline, disabled };
  enum class Resume : std::int64_t { never = 0, allow = 1, must = 2 };  // the file's numbers

  Mode mode = Mode::online;
  std::filesystem::path directory;  ///< swanlog
  std::string project, workspace, name, description, group, job_type, color, id;
  std::vector<std::string> tags;
  bool is_public = false;
  Resume resume = Resume::never;
  bool console = true;
  std::vector<std::string> warnings;  ///< of what SwanLab would refuse
};

/// `resuming`: the run continues from a checkpoint. Throws std::invalid_argument with a sentence
/// for a value that has no meaning.
Settings read_settings(const plugins::SettingReader& given, bool resuming);

/// Replaces and cuts what SwanLab would refuse, with a sentence in `warnings` for each.
void fit_names(Settings& settings);

bool has_key(const plugins::SettingReader& given);  ///< SWANLAB_API_KEY, or a login of `swanlab login`
bool is_disabled(const plugins::SettingReader& given);

}  // namespace trainer::swanlab
