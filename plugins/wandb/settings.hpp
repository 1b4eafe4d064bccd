// SPDX-License-Identifier: Apache-2.0
//
// What the configuration and the WANDB_* variables say, with the defaults of transformers' WandbCallback and of W&B's
// client.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "shared/settings/settings.hpp"

namespace trainer::wandb {

struct Settings {
  enum class Mode { online, offline, disabled };

  Mode mode = Mode::online;
  std::filesystem::path directory;  ///< .../wandb, or .../.wandb where there is one
  std::string project, entity, name, group, job_type, notes, id, host, sweep_id;
  std::vector<std::string> tags;
  bool resume = false;       ///< WANDB_RESUME is set, and not "never"
  bool must_be_new = false;  ///< "never"
  bool console = true;
  bool quiet = false;  ///< no sentence about where the run is
  bool stats = true;
  std::chrono::duration<double> stats_interval{15};
  plugins::Setting log_model;         ///< WANDB_LOG_MODEL: end, checkpoint, false
  std::string watch;                  ///< WANDB_WATCH: all, parameters, gradients, false
  std::vector<std::string> warnings;  ///< of what W&B would refuse
};

/// Throws std::invalid_argument with a sentence for a value that has no meaning.
Settings read_settings(const plugins::SettingReader& given);

/// W&B's services can be reached with a key: WANDB_API_KEY, or a login in ~/.netrc.
bool has_key(const plugins::SettingReader& given);

/// WANDB_DISABLED or WANDB_MODE=disabled.
bool is_disabled(const plugins::SettingReader& given);

}  // namespace trainer::wandb
