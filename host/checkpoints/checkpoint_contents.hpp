// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/ivalue.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "checkpoints/checkpoint_manifest.hpp"
#include "trainer/safetensors.hpp"
#include "trainer/trainer_state.hpp"

namespace trainer {

/// What a checkpoint holds beside trainer_state.json.
struct CheckpointContents {
  NamedTensors weights;
  SharedNames shared;  ///< other names of these
  std::string args;
  std::map<std::string, std::string> files;  ///< of the model, by name
  c10::IValue optimizer, scheduler, scaler;  ///< None with save_only_model, and where there is none
  std::vector<NamedTensors> rng;             ///< of each rank; none with save_only_model
  RunIdentity run;
};

/// Copies into memory that training does not change; what `to` has already is used again.
void copy_contents(const CheckpointContents& from, CheckpointContents& to);

/// The files of a checkpoint, in a directory that is there, and checkpoint.json.
void write_contents(const std::filesystem::path& to, const CheckpointContents& what, const TrainerState& state);

/// Weights, arguments and the model's own files, in a directory that is made; a file that is there is replaced when the
/// new one is whole. Their digests.
CheckpointManifest write_model_files(const std::filesystem::path& to, const NamedTensors& weights,
                                     const SharedNames& shared, const std::string& args,
                                     const std::map<std::string, std::string>& files);

/// Copies those from a checkpoint to another directory, which is made.
void copy_model_files(const std::filesystem::path& from, const std::filesystem::path& to,
                      const std::map<std::string, std::string>& files);

}  // namespace trainer
