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
  to.shared = from.shared;
  to.args = from.args;
  to.files = from.files;
  to.rng = from.rng;
  to.run = from.run;
}

void write_contents(const fs::path& to, const CheckpointContents& what, const TrainerState& state) {
  CheckpointManifest manifest{what.run, {}};
  const auto file = [&](const std::string& name, const auto& write) {
    Digest digest;
    write(to / name, digest);
    manifest.add(name, digest);
  };
  const auto tensors = [&](const std::string& name, const NamedTensors& named, const SharedNames& shared) {
    file(name, [&](const fs::path& path, Digest& digest) { save_safetensors(path, named, &digest, shared); });
  };
  const auto torch_file = [&](const char* name, const c10::IValue& value) {
    if (value.isNone()) return;
    file(name, [&](const fs::path& path, Digest& digest) { write_torch_file(path, value, &digest); });
  };
  const auto text = [&](const char* name, const std::string& bytes) {
    replace_file(to / name, bytes);
    manifest.add(name, bytes);
  };
  tensors(weights_file, what.weights, what.shared);
  text(args_file, what.args);
  for (const auto& [name, bytes] : what.files) text(name.c_str(), bytes);
  torch_file(optimizer_file, what.optimizer);
  torch_file(scheduler_file, what.scheduler);
  torch_file(scaler_file, what.scaler);
  for (int rank = 0, world = static_cast<int>(what.rng.size()); rank < world; ++rank)
    tensors(rng_file(rank, world), what.rng[static_cast<std::size_t>(rank)], {});
  text(state_file, state.to_json_string());
  manifest.add_below(to, plugins_directory);
  manifest.save(to);
}

CheckpointManifest write_model_files(const fs::path& to, const NamedTensors& weights, const SharedNames& shared,
                                     const std::string& args, const std::map<std::string, std::string>& files) {
  fs::create_directories(to);
  const fs::path temporary = to / (weights_file + std::string(".tmp"));
  CheckpointManifest manifest;
  Digest digest;
  try {
    save_safetensors(temporary, weights, &digest, shared);
    sync_file(temporary);
    fs::rename(temporary, to / weights_file);
  } catch (...) {
    std::error_code ec;
    fs::remove(temporary, ec);
    throw;
  }
  manifest.add(weights_file, digest);
  replace_file(to / args_file, args);
  manifest.add(args_file, args);
  for (const auto& [name, bytes] : files) {
    replace_file(to / name, bytes);
    manifest.add(name, bytes);
  }
  return manifest;
}

void copy_model_files(const fs::path& from, const fs::path& to, const std::map<std::string, std::string>& files) {
  fs::create_directories(to);
  const auto copy = [&](const std::string& file) {
    fs::copy_file(from / file, to / file, fs::copy_options::overwrite_existing);
  };
  for (const char* file : {weights_file, args_file}) copy(file);
  for (const auto& [name, bytes] : files) copy(name);
}

}  // namespace trainer
