// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/nn/module.h>

#include <memory>
#include <string>
#include <vector>

#include "exported/weights.hpp"

namespace trainer::exported {

/// Modules that hold the parameters and buffers of a state dict under Python's dotted names, in Python's order: that of
/// `parameter_order`, then as the weights stand. Of tied weights every name is there, the first one first. Errors begin
/// with `file`.
std::shared_ptr<torch::nn::Module> make_module_tree(const Weights& weights,
                                                    const std::vector<std::string>& parameter_order,
                                                    const std::string& file);

}  // namespace trainer::exported
