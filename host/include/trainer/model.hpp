// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/nn/module.h>

#include <filesystem>
#include <functional>

#include "trainer/dataset.hpp"
#include "trainer/json.hpp"
#include "trainer/safetensors.hpp"

namespace trainer {

/// What a model gives for a batch.
struct ModelOutput {
  at::Tensor loss;    ///< scalar, mean over the rows; undefined when the batch has no labels
  at::Tensor logits;  ///< [B, ...], what predict() returns and compute_metrics sees
};

/// Loss of logits and labels, a scalar.
using LossFunction = std::function<at::Tensor(const at::Tensor& logits, const at::Tensor& labels)>;

at::Tensor cross_entropy(const at::Tensor& logits,
                         const at::Tensor& labels);                       ///< [B, C], [B] int64
at::Tensor mse_loss(const at::Tensor& logits, const at::Tensor& labels);  ///< same shapes

/// A module and how to call it. `forward` may use any names of the batch.
struct Model {
  std::shared_ptr<torch::nn::Module> module;
  std::function<ModelOutput(const Batch&)> forward;
  json::object config;  ///< written by trackers as the model's configuration; may be empty
};

/// A module that takes "features" and gives logits, with a loss over "labels".
template <typename Module>
Model supervised(std::shared_ptr<Module> module, LossFunction loss, json::object config = {}) {
  auto forward = [net = module.get(), loss = std::move(loss)](const Batch& batch) {
    ModelOutput out;
    out.logits = net->forward(batch["features"]);
    if (const auto& labels = batch["labels"]; labels.defined()) out.loss = loss(out.logits, labels);
    return out;
  };
  return {std::move(module), std::move(forward), std::move(config)};
}
/// The same for torch's module holders (torch::nn::Sequential ...).
template <typename Module>
Model supervised(const torch::nn::ModuleHolder<Module>& holder, LossFunction loss, json::object config = {}) {
  return supervised(holder.ptr(), std::move(loss), std::move(config));
}

/// Parameters, then buffers, by name: what a checkpoint's model.safetensors holds. Tied weights, a tensor that has
/// several names, are listed once, by the first name.
NamedTensors state_dict(const torch::nn::Module& module);

/// The other names of tied weights, each with the one that state_dict() has.
SharedNames shared_names(const torch::nn::Module& module);

/// Copies stored tensors into a module by name; of tied weights one name is enough. As transformers' resume does, a
/// name that one side lacks is a warning; another shape is an Error, and so is a file in which no name fits. `where`
/// names the file.
void load_weights(torch::nn::Module& module, const NamedTensors& stored, const std::string& where);
/// The same from a safetensors file, whose data are read right into the parameters.
void load_weights(torch::nn::Module& module, const std::filesystem::path& file);

}  // namespace trainer
