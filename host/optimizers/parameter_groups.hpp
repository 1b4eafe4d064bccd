// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "trainer/optimizer.hpp"

namespace torch::nn {
class Module;
}

namespace trainer {

/// The parameters of a model, as parameter_groups() needs them.
std::vector<NamedParameter> named_parameters(const torch::nn::Module& module);

}  // namespace trainer
