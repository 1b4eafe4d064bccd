// SPDX-License-Identifier: Apache-2.0
#include "command/built_in_model.hpp"

#include <torch/nn/modules.h>

namespace trainer::command {
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

}  // namespace

std::shared_ptr<Model> make_built_in_model(const RunFile::Model& spec, const std::string& loss, json::object config) {
  torch::nn::Sequential net;
  for (std::size_t i = 0; i + 1 < spec.layers.size(); ++i) {
    if (i > 0) push_activation(net, spec.activation);
    net->push_back(torch::nn::Linear(spec.layers[i], spec.layers[i + 1]));
  }
  return supervised(net, loss == "mse" ? mse_loss : cross_entropy, std::move(config));
}

}  // namespace trainer::command
