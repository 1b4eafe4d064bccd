// SPDX-License-Identifier: Apache-2.0
//
// A program on the installed host: trains, and its own callback is called at each step.
#include <torch/torch.h>

#include <cstdio>
#include <trainer/trainer.hpp>

namespace {

struct StepCounter : trainer::TrainerCallback {
  int steps = 0;
  void on_step_end(CallbackContext&) override { ++steps; }
};

}  // namespace

int main() {
  const auto counter = std::make_shared<StepCounter>();
  trainer::TrainerOptions options;
  options.model = trainer::supervised(torch::nn::Linear(2, 2), trainer::cross_entropy);
  options.train_dataset = std::make_shared<trainer::TensorDataset>(torch::rand({32, 2}), torch::arange(32) % 2);
  options.args.num_train_epochs = 1;
  options.args.save_strategy = "no";
  options.args.report_to = {};
  options.callbacks = {counter};
  trainer::Trainer trainer(std::move(options));
  const auto output = trainer.train();
  std::printf("%d steps seen\n", counter->steps);
  return output.global_step == 4 && counter->steps == 4 ? 0 : 1;
}
