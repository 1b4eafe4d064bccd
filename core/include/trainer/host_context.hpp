// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <trainer/ext/optimizer.h>
#include <trainer/ext/parameters.h>

#include <filesystem>
#include <functional>
#include <string>

#include "trainer/process.hpp"
#include "trainer/trainer_state.hpp"
#include "trainer/training_arguments.hpp"

namespace trainer {

/// Where plugins' views of tensors come from; the host room implements it over LibTorch.
class TensorSource {
 public:
  virtual ~TensorSource() = default;
  /// As trainer_ext_parameters (ext/parameters.h) says; views stay valid until the event ends.
  virtual std::uint64_t count(std::uint32_t of) = 0;
  virtual bool at(std::uint32_t of, std::uint64_t index, trainer_text& name, trainer_tensor& tensor) = 0;
  virtual std::int32_t copy(std::uint32_t of, std::uint64_t index, void* to, std::uint64_t size) = 0;
};

/// The optimizer's groups, as trainer_ext_optimizer (ext/optimizer.h) says; the host room implements it.
class ParamGroupSource {
 public:
  virtual ~ParamGroupSource() = default;
  virtual std::uint64_t count() = 0;
  virtual bool at(std::uint64_t index, trainer_param_group& group) = 0;
  virtual bool parameter(std::uint64_t group, std::uint64_t index, trainer_text& name) = 0;
  /// `lr` is finite and not negative.
  virtual bool set_lr(std::uint64_t group, double lr) = 0;
};

/// ext/checkpoint.h: absolute paths; empty: there is none.
struct CheckpointPlaces {
  std::string saved;         ///< while its on_save is fired
  std::string resumed_from;  ///< by the training that goes on, or was the last
  /// The newest whole one of this training, or that which it was resumed from. Plugins do not see it.
  std::filesystem::path newest{};
};

/// What the services of host.h draw from. The owner keeps it alive longer than any callback.
struct HostContext {
  const TrainingArguments* args = nullptr;
  TrainerState* state = nullptr;
  std::string model_config_json;    ///< empty when the model has no configuration
  TensorSource* tensors = nullptr;  ///< null when there is no LibTorch in the process
  bool replay = false;              ///< a finished run is played; nothing is trained (ext/run.h)
  /// Trainer::save_model() (ext/model.h); empty when there is no model. May throw.
  std::function<void(const std::filesystem::path&)> save_model = {};
  /// ext/objects.h; both empty when there is no model. The second may throw.
  std::function<std::uint32_t()> present_objects = {};
  std::function<std::string()> describe_objects = {};
  ParamGroupSource* param_groups = nullptr;       ///< null when nothing is trained
  const CheckpointPlaces* checkpoints = nullptr;  ///< null where there are none
  Process process = {};                           ///< ext/process.h
  /// Told of each extension that a plugin asks the host for; may be empty.
  std::function<void(std::string_view)> asked_for = {};
  /// Rank 0's text, in every process, each of which must call it; empty for a process alone. May throw.
  std::function<std::string(const std::string&)> from_rank_0 = {};
};

}  // namespace trainer
