// SPDX-License-Identifier: Apache-2.0
//
// The optimizers that optim may name.
#include "base/text.hpp"
#include "optimizers/optimizer_base.hpp"
#include "trainer/error.hpp"
#include "trainer/optimizer.hpp"

namespace trainer {

std::unique_ptr<Optimizer> make_optimizer(std::string_view optim, std::vector<ParamGroup> groups,
                                          const OptimizerSettings& settings) {
  if (optim == "adamw_torch_fused") return make_adamw(std::move(groups), settings, true);
  if (optim == "adamw_torch") return make_adamw(std::move(groups), settings, false);
  if (optim == "sgd") return make_sgd(std::move(groups), settings);
  if (optim == "rmsprop") return make_rmsprop(std::move(groups), settings);
  if (optim == "adagrad") return make_adagrad(std::move(groups), settings);
  if (optim == "adafactor") return make_adafactor(std::move(groups), settings);
  const std::string near = nearest(optim, optimizer_names());
  throw_usage(error_id::arguments_invalid, "args: found optim '" + std::string(optim) + "', expected one of " +
                                               join(optimizer_names()) +
                                               (near.empty() ? "" : "; did you mean '" + near + "'?"));
}

}  // namespace trainer
