// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "isolation/plugin_answers.hpp"
#include "isolation/plugin_process.hpp"
#include "trainer/trainer_state.hpp"
#include "trainer/training_outcome.hpp"

namespace trainer::isolation {

/// What an instance in a plugin's process is asked for and told between events. The Error of one that does not do it
/// begins with the plugin and its file.
class InstanceCalls {
 public:
  InstanceCalls(PluginProcess& process, const std::string& callback, const TrainerState* state)
      : process_(process), callback_(callback), state_(state) {}

  Created create(const json::object& config, std::string_view config_place, bool wants_states);
  json::object state();  ///< {"args", "attributes"}
  void restore(const json::object& state);
  void save_files(const std::filesystem::path& directory);
  void load_files(const std::filesystem::path& directory);
  void ended(const TrainingOutcome& outcome);
  std::vector<PluginResult> results();

  std::string where() const { return "plugin " + callback_ + " (" + process_.file().place() + ") "; }
  double longest() const;  ///< seconds that what comes seldom may take

 private:
  double timeout() const { return process_.isolation().timeout; }
  std::string at_step() const;
  void give(What what, const std::filesystem::path& directory, const char* failed);

  PluginProcess& process_;
  const std::string& callback_;
  const TrainerState* state_;
};

}  // namespace trainer::isolation
