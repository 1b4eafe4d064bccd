// SPDX-License-Identifier: Apache-2.0
//
// The model and the data of the benchmarks. No LibTrainer in it, because the bare programs have none either.
#pragma once

#include <cstdint>

#include <ATen/ATen.h>
#include <torch/nn/modules/activation.h>
#include <torch/nn/modules/container/sequential.h>
#include <torch/nn/modules/linear.h>
#include <torch/utils.h>

namespace bench {

/// An MLP 64-H-H-10, as the built-in model makes it.
inline torch::nn::Sequential make_net(std::int64_t hidden) {
  torch::manual_seed(42);
  return torch::nn::Sequential(torch::nn::Linear(64, hidden), torch::nn::ReLU(), torch::nn::Linear(hidden, hidden),
                               torch::nn::ReLU(), torch::nn::Linear(hidden, 10));
}

struct Rows {
  at::Tensor features, labels;
};
inline Rows make_rows(std::int64_t count) {
  torch::manual_seed(1);
  return {at::randn({count, 64}), at::randint(10, {count}, at::kLong)};
}

}  // namespace bench
