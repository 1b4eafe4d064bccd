// SPDX-License-Identifier: Apache-2.0
#include "checkpoints/checkpoint_contents.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include "formats/python_value.hpp"
#include "state/checkpoint_names.hpp"
#include "trainer/files.hpp"
#include "trainer/torch_file.hpp"

namespace trainer {
namespace fs = std::filesystem;

void copy_contents(const CheckpointContents& from, CheckpointContents& to) {
  const at::NoGradGuard no_grad;
  to.weights.resize(from.weights.size());
  for (std::size_t i = 0; i < from.weights.size(); ++i) {
    const auto& [name, tensor] = from.weights[i];
    at::Tensor& copy = to.weights[i].second;
    to.weights[i].first = name;
    if (!copy.defined() || copy.scalar_type() != tensor.scalar_type() || copy.sizes() != tensor.sizes())
      copy = at::empty(tensor.sizes(), at::TensorOptions(tensor.scalar_type()));
    copy.copy_(tensor);
  }
  to.optimizer = python::to_cpu(from.optimizer, &to.optimizer);
  to.scheduler = python::to_cpu(from.scheduler, &to.scheduler);
  to.scaler = python::to_cpu(from.scaler, &to.scaler);
  to.args = from.args;
  to.rng = from.rng;
}

void write_contents(const fs::path& to, const CheckpointContents& what, const TrainerState& state) {
  save_safetensors(to / weights_file, what.weights);
  replace_file(to / args_file, what.args);
  if (!what.optimizer.isNone()) write_torch_file(to / optimizer_file, what.optimizer);
  if (!what.scheduler.isNone()) write_torch_file(to / scheduler_file, what.scheduler);
  if (!what.scaler.isNone()) write_torch_file(to / scaler_file, what.scaler);
  if (!what.rng.empty()) save_safetensors(to / rng_file, what.rng);
  state.save_to_json(to / state_file);
}

void copy_model_files(const fs::path& from, const fs::path& to) {
  fs::create_directories(to);
  for (const char* file : {weights_file, args_file})
    fs::copy_file(from / file, to / file, fs::copy_options::overwrite_existing);
}

}  // namespace trainer
