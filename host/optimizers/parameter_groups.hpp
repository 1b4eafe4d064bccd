// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "trainer/optimizer.hpp"

namespace torch::nn {
class Module;
}

namespace trainer {

/// The parameters of a model without repetition, as PyTorch's named_parameters() lists them: one that has several names
/// (tied weights) by the first.
std::vector<NamedParameter> named_parameters(const torch::nn::Module& module);

}  // namespace trainer
