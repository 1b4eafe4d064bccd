// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <trainer/trainer.hpp>
#include <vector>

/// Trains the last layer of a model alone at first, and one more layer each `epochs` epochs, from the last one to the
/// first. A layer is a child of the module that has parameters.
class GradualUnfreezing : public trainer::TrainerCallback {
 public:
  explicit GradualUnfreezing(std::int64_t epochs = 1) : epochs_(epochs) {}

 private:
  // By the number of the epoch, so that a resumed run has the layers of that epoch. The optimizer was made with all
  // parameters, and leaves alone those without a gradient: no update, no weight decay.
  void on_epoch_begin(CallbackContext& context) override {
    const auto epoch = static_cast<std::int64_t>(std::floor(context.state.epoch + 1e-6));
    train_last(context, 1 + epoch / epochs_);
  }

  void on_train_end(CallbackContext& context) override {
    train_last(context, static_cast<std::int64_t>(layers(context).size()));
  }

  static void train_last(CallbackContext& context, std::int64_t count) {
    const auto all = layers(context);
    const auto frozen = std::max<std::int64_t>(std::ssize(all) - count, 0);
    for (std::int64_t i = 0; i < std::ssize(all); ++i)
      for (auto& parameter : all[static_cast<std::size_t>(i)]->parameters()) parameter.requires_grad_(i >= frozen);
  }

  static std::vector<std::shared_ptr<torch::nn::Module>> layers(CallbackContext& context) {
    auto all = context.model->module().children();
    std::erase_if(all, [](const auto& child) { return child->parameters().empty(); });
    return all;
  }

  std::int64_t epochs_;
};
