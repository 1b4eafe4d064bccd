// SPDX-License-Identifier: Apache-2.0
#include "trainer/model.hpp"

#include <torch/nn/functional.h>
#include <torch/nn/modules.h>

#include "trainer/error.hpp"
#include "trainer/log.hpp"

namespace trainer {
namespace {

// push_back, because constructor arguments may be evaluated from right to left, and the order in
// which layers are made decides their random weights.
void push_activation(torch::nn::Sequential& net, const std::string& name) {
  if (name == "relu")
    net->push_back(torch::nn::ReLU());
  else if (name == "tanh")
    net->push_back(torch::nn::Tanh());
  else if (name == "sigmoid")
    net->push_back(torch::nn::Sigmoid());
  else
    net->push_back(torch::nn::GELU());
}

std::string joined(const std::vector<std::string>& names) {
  std::string out;
  for (const auto& name : names) out += (out.empty() ? "" : ", ") + name;
  return out;
}

std::string shape_text(const at::Tensor& tensor) {
  std::string out;
  for (const auto size : tensor.sizes()) out += (out.empty() ? "" : ", ") + std::to_string(size);
  return "[" + out + "]";
}

}  // namespace

at::Tensor cross_entropy(const at::Tensor& logits, const at::Tensor& labels) {
  return at::cross_entropy_loss(logits, labels);
}

at::Tensor mse_loss(const at::Tensor& logits, const at::Tensor& labels) { return at::mse_loss(logits, labels); }

Model make_model(const RunFile::Model& spec, const std::string& loss, json::object config) {
  torch::nn::Sequential net;
  for (std::size_t i = 0; i + 1 < spec.layers.size(); ++i) {
    if (i > 0) push_activation(net, spec.activation);
    net->push_back(torch::nn::Linear(spec.layers[i], spec.layers[i + 1]));
  }
  return supervised(net, loss == "mse" ? mse_loss : cross_entropy, std::move(config));
}

std::vector<std::pair<std::string, at::Tensor>> state_dict(const torch::nn::Module& module) {
  std::vector<std::pair<std::string, at::Tensor>> out;
  for (const auto& item : module.named_parameters()) out.emplace_back(item.key(), item.value());
  for (const auto& item : module.named_buffers()) out.emplace_back(item.key(), item.value());
  return out;
}

void load_weights(torch::nn::Module& module, const std::vector<std::pair<std::string, at::Tensor>>& stored,
                  const std::string& where) {
  const at::NoGradGuard no_grad;
  std::vector<std::string> missing, unexpected;
  const auto own = state_dict(module);
  for (const auto& [name, tensor] : own) {
    const auto found = std::find_if(stored.begin(), stored.end(), [&](const auto& s) { return s.first == name; });
    if (found == stored.end()) {
      missing.push_back(name);
    } else if (found->second.sizes() != tensor.sizes()) {
      throw_usage(error_id::checkpoint_mismatch, where + ": " + name + " has shape " + shape_text(found->second) +
                                                     ", but the model's has " + shape_text(tensor) +
                                                     "; use the model that wrote it");
    } else {
      at::Tensor target = tensor;
      target.copy_(found->second);
    }
  }
  for (const auto& [name, tensor] : stored)
    if (std::none_of(own.begin(), own.end(), [&](const auto& o) { return o.first == name; }))
      unexpected.push_back(name);
  if (!missing.empty()) log::warning(where + " lacks " + joined(missing) + "; they stay as they are");
  if (!unexpected.empty()) log::warning(where + " holds " + joined(unexpected) + ", which the model does not have");
}

}  // namespace trainer
