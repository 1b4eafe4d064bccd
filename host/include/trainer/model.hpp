// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/nn/module.h>

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "trainer/dataset.hpp"
#include "trainer/json.hpp"
#include "trainer/loss.hpp"
#include "trainer/optimizer.hpp"
#include "trainer/safetensors.hpp"

namespace trainer {

/// What a model gives for a batch.
struct ModelOutput {
  at::Tensor loss;    ///< scalar, mean over the rows; undefined when the batch has no labels
  at::Tensor logits;  ///< [B, ...], what predict() returns and compute_metrics sees
};

/// What a Trainer trains: a tree of parameters and buffers, and how it is called.
class Model {
 public:
  virtual ~Model();
  Model(const Model&) = delete;
  Model& operator=(const Model&) = delete;

  /// The output of a batch on the model's device. It takes what it needs by name; a batch without labels gives no loss.
  /// module().is_training() says which of two behaviours is asked for.
  virtual ModelOutput forward(const Batch& inputs) = 0;
  /// Its parameters and buffers, under the names that a checkpoint gives them ("encoder.0.weight"): the same object at
  /// each call. A model that is no torch::nn one registers them in a tree of plain modules, one for each part of a
  /// name; a tensor that is registered twice is tied.
  virtual torch::nn::Module& module() = 0;
  const torch::nn::Module& module() const { return const_cast<Model*>(this)->module(); }
  /// Moves all that it computes with, and gives its floating-point numbers a type: here the tensors of module().
  virtual void to(const at::Device& device);
  virtual void to(at::ScalarType type);

  // ---- facts that a model may know of itself ----
  /// Written by trackers as the model's configuration; may be empty.
  virtual json::object config() const { return {}; }
  /// Names of parameters that belong to a LayerNorm, and have no weight decay: here those of torch::nn::LayerNorm in
  /// module(), itself excepted.
  virtual std::vector<std::string> layer_norm_parameters() const;
  /// Whether it divides its loss by "num_items_in_batch", which the Trainer then adds to each batch: the labels other
  /// than -100 in all micro-batches of a step, a float32 scalar. The Trainer leaves such a loss as it is.
  virtual bool accepts_loss_kwargs() const { return false; }
  /// Whether its loss compares a place with the next label, so that the first label of each row does not count there.
  virtual bool loss_shifts_labels() const { return false; }
  /// The same of the loss that label smoothing makes of its logits.
  virtual bool label_smoother_shifts_labels() const { return false; }
  /// Whether its loss has args.label_smoothing_factor in it; else that makes a loss of the logits, in place of its own.
  virtual bool smooths_labels() const { return false; }
  /// Whether each forward pass uses all of its parameters; else, among several processes, each graph is searched for
  /// those that it does not use.
  virtual bool uses_all_parameters() const { return false; }
  /// Names of the data that forward looks at, in its order; empty when it does not know them.
  virtual std::vector<std::string> columns() const { return {}; }
  /// Names that another program has in its files for weights of module(), each with the name there.
  virtual SharedNames saved_names() const { return {}; }
  /// Texts that belong beside its weights, by file name, such as the "config.json" by which transformers loads them.
  virtual std::map<std::string, std::string> files() const { return {}; }
  /// Floating-point operations of forward and backward of a batch; 0 when there is no estimate.
  virtual double floating_point_ops(const Batch&) const { return 0; }

 protected:
  Model() = default;
};

/// What a module gives for a batch. It may use any names of the batch.
using ForwardFunction = std::function<ModelOutput(const Batch& inputs)>;

/// A model of a torch module and a function that calls it. An Error when either is null.
std::shared_ptr<Model> make_model(std::shared_ptr<torch::nn::Module> module, ForwardFunction forward,
                                  json::object config = {});
/// The same for torch's module holders (torch::nn::Sequential ...).
template <typename Module>
std::shared_ptr<Model> make_model(const torch::nn::ModuleHolder<Module>& holder, ForwardFunction forward,
                                  json::object config = {}) {
  return make_model(std::static_pointer_cast<torch::nn::Module>(holder.ptr()), std::move(forward), std::move(config));
}

/// A module that takes "features" and gives logits, with a loss over "labels".
template <typename Module>
std::shared_ptr<Model> supervised(std::shared_ptr<Module> module, LossFunction loss, json::object config = {}) {
  auto forward = [net = module.get(), loss = std::move(loss)](const Batch& batch) {
    ModelOutput out;
    out.logits = net->forward(batch["features"]);
    if (const auto& labels = batch["labels"]; labels.defined()) out.loss = loss(out.logits, labels);
    return out;
  };
  return make_model(std::static_pointer_cast<torch::nn::Module>(std::move(module)), std::move(forward),
                    std::move(config));
}
template <typename Module>
std::shared_ptr<Model> supervised(const torch::nn::ModuleHolder<Module>& holder, LossFunction loss,
                                  json::object config = {}) {
  return supervised(holder.ptr(), std::move(loss), std::move(config));
}

/// A model's parameters without repetition, as PyTorch's named_parameters() lists them: one that has several names
/// (tied weights) by the first.
std::vector<NamedParameter> named_parameters(const Model& model);

/// Parameters, then buffers, by name: what a checkpoint's model.safetensors holds. Tied weights, a tensor that has
/// several names, are listed once, by the first name.
NamedTensors state_dict(const torch::nn::Module& module);

/// The other names of tied weights, each with the one that state_dict() has.
SharedNames shared_names(const torch::nn::Module& module);

/// Copies stored tensors into a module by name; of tied weights one name is enough. As transformers' resume does, a
/// name that one side lacks is a warning; another shape is an Error, and so is a file in which no name fits. `where`
/// names the file.
void load_weights(torch::nn::Module& module, const NamedTensors& stored, const std::string& where);
/// The same from a safetensors file, whose data are read right into the parameters. `saved_names`: names in the file
/// with those of the module that they stand for.
void load_weights(torch::nn::Module& module, const std::filesystem::path& file, const SharedNames& saved_names = {});

}  // namespace trainer
