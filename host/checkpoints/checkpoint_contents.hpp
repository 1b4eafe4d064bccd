// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/ivalue.h>

#include <filesystem>
#include <string>

#include "trainer/safetensors.hpp"
#include "trainer/trainer_state.hpp"

namespace trainer {

/// What a checkpoint holds beside trainer_state.json.
struct CheckpointContents {
  NamedTensors weights;
  std::string args;
  c10::IValue optimizer, scheduler, scaler;  ///< None with save_only_model, and where there is none
  NamedTensors rng;
};

/// Copies into memory that training does not change; what `to` has already is used again.
void copy_contents(const CheckpointContents& from, CheckpointContents& to);

/// The files of a checkpoint, in a directory that is there.
void write_contents(const std::filesystem::path& to, const CheckpointContents& what, const TrainerState& state);

/// Copies the files that save_model() writes from one directory to another, which is made.
void copy_model_files(const std::filesystem::path& from, const std::filesystem::path& to);

}  // namespace trainer
