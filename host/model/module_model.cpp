// SPDX-License-Identifier: Apache-2.0
//
// What a Model does with its module: its parameters, moves and casts; and the model of a torch module and a function.
#include <torch/nn/modules/normalization.h>

#include <unordered_set>
#include <utility>

#include "trainer/error.hpp"
#include "trainer/model.hpp"

namespace trainer {
namespace {

class ModuleModel final : public Model {
 public:
  ModuleModel(std::shared_ptr<torch::nn::Module> module, ForwardFunction forward, json::object config)
      : module_(std::move(module)), forward_(std::move(forward)), config_(std::move(config)) {}

  ModelOutput forward(const Batch& inputs) override { return forward_(inputs); }
  torch::nn::Module& module() override { return *module_; }
  json::object config() const override { return config_; }

 private:
  std::shared_ptr<torch::nn::Module> module_;
  ForwardFunction forward_;
  json::object config_;
};

// As in Python: of what is floating-point; counters and indices stay as they are.
void cast_module(torch::nn::Module& module, at::ScalarType type) {
  std::vector<std::pair<at::Tensor, at::Tensor>> kept;
  const auto keep = [&](const auto& tensors) {
    for (const at::Tensor& tensor : tensors)
      if (!tensor.is_floating_point()) kept.emplace_back(tensor, tensor.detach());
  };
  keep(module.parameters());
  keep(module.buffers());
  module.to(type);
  for (auto& [tensor, data] : kept) tensor.set_data(data);
}

}  // namespace

Model::~Model() = default;

void Model::to(const at::Device& device) { module().to(device); }
void Model::to(at::ScalarType type) { cast_module(module(), type); }

std::vector<std::string> Model::layer_norm_parameters() const {
  std::vector<std::string> out;
  for (const auto& item : module().named_modules("", /*include_self=*/false)) {
    if (!item.value()->as<torch::nn::LayerNorm>()) continue;
    for (const auto& parameter : item.value()->named_parameters(/*recurse=*/false))
      out.push_back(item.key() + "." + parameter.key());
  }
  return out;
}

std::shared_ptr<Model> make_model(std::shared_ptr<torch::nn::Module> module, ForwardFunction forward,
                                  json::object config) {
  if (!module || !forward)
    throw_usage(error_id::model_unsupported, std::string("make_model was given no ") +
                                                 (module ? "forward function" : "module") +
                                                 "; give it a torch module and a function that calls it");
  return std::make_shared<ModuleModel>(std::move(module), std::move(forward), std::move(config));
}

std::vector<NamedParameter> named_parameters(const Model& model) {
  const auto names = model.layer_norm_parameters();
  const std::unordered_set<std::string> in_layer_norm(names.begin(), names.end());
  std::vector<NamedParameter> out;
  std::unordered_set<const c10::TensorImpl*> seen;
  for (const auto& item : model.module().named_parameters())
    if (seen.insert(item.value().unsafeGetTensorImpl()).second)
      out.push_back({item.key(), item.value(), in_layer_norm.contains(item.key())});
  return out;
}

}  // namespace trainer
