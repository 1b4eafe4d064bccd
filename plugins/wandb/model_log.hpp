// SPDX-License-Identifier: Apache-2.0
//
// WANDB_LOG_MODEL: the artifacts of type "model" that transformers' WandbCallback logs when a run
// begins, with each checkpoint when it is "checkpoint", and at the end of the training.
#pragma once

#include <map>
#include <string>
#include <trainer/sdk/callback.hpp>

#include "run.hpp"

namespace trainer::wandb {

class ModelLog {
 public:
  /// `num_parameters`: -1 when the model has no configuration. The run has to live as long.
  ModelLog(const sdk::Host& host, Run& run, std::int64_t num_parameters);

  /// A value of the run's summary, as JSON; it becomes metadata of the artifacts that follow.
  void summary(std::string_view key, const sdk::Value& value, std::string_view json);

  void initial(const sdk::Arguments& args);
  void checkpoint(const sdk::Arguments& args, const sdk::State& state);
  void final(const sdk::Arguments& args, const sdk::State& state);

 private:
  void log(const std::filesystem::path& directory, const sdk::Arguments& args, std::string metadata,
           std::vector<std::string> aliases);
  std::string summary_json() const;
  std::string parameters_json() const;

  sdk::Host host_;
  bool renamed_told_ = false;
  Run& run_;
  std::int64_t num_parameters_;
  std::map<std::string, std::string> summary_;
};

}  // namespace trainer::wandb
