// SPDX-License-Identifier: Apache-2.0
//
// The hyperparameters and states of LibTorch's optimizers under the names that Python's torch gives them.
#pragma once

#include <torch/optim/optimizer.h>

#include <memory>
#include <string>

#include "formats/python_value.hpp"

namespace trainer {

/// Whether the functions below know options of this class: those of SGD, Adam, AdamW, RMSprop and Adagrad.
bool has_fields(const torch::optim::OptimizerOptions& options);

/// Adds the hyperparameters in Python's order; false, and nothing, for options of another class.
bool save_options(torch::optim::OptimizerOptions& options, python::Dict& group);
/// Takes those that a saved group has. A run Error that starts with `where` for one of another kind.
void load_options(torch::optim::OptimizerOptions& options, const python::Dict& group, const std::string& where);

/// Adds a parameter's state; its tensors are shared.
void save_state(const torch::optim::OptimizerParamState& state, python::Dict& packed);
/// The state of a parameter of the optimizer with these options; null for options of another class.
std::unique_ptr<torch::optim::OptimizerParamState> load_state(const torch::optim::OptimizerOptions& options,
                                                              const python::Dict& packed, const at::Tensor& parameter,
                                                              const std::string& where);

}  // namespace trainer
