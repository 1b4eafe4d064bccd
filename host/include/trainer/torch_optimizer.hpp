// SPDX-License-Identifier: Apache-2.0
//
// LibTorch's own optimizers, and those that a program derives from them, where the Trainer takes one.
#pragma once

#include <memory>

#include "trainer/optimizer.hpp"

namespace torch::optim {
class Optimizer;
}

namespace trainer {

/// An optimizer over the parameters that `optimizer` was made with, which it updates; rates are those of
/// param_groups(), which a scheduler writes, and begin with those of `optimizer`. Its state is kept as Python's torch
/// keeps it for SGD, Adam, AdamW, RMSprop and Adagrad, and what derives from them with their options; of others in the
/// bytes that their save() writes. An Error for null, for LBFGS, which wants a closure, and for options without
/// get_lr() and set_lr().
std::unique_ptr<Optimizer> adapt_optimizer(std::shared_ptr<torch::optim::Optimizer> optimizer);

}  // namespace trainer
