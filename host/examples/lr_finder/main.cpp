// SPDX-License-Identifier: Apache-2.0
//
// Finds a learning rate with a run that raises it at each step, then trains with it.
#include <cstdio>

#include "lr_finder.hpp"

int main() try {
  torch::manual_seed(0);
  const auto features = torch::randn({512, 8});
  const auto labels = (features.pow(2).sum(1) > 8).to(torch::kLong);
  torch::nn::Sequential net(torch::nn::Linear(8, 32), torch::nn::ReLU(), torch::nn::Linear(32, 2));

  trainer::TrainerOptions options;
  options.model = trainer::supervised(net, trainer::cross_entropy);
  options.train_dataset = std::make_shared<trainer::TensorDataset>(features, labels);
  options.args.output_dir = "lr_finder_output";
  options.args.per_device_train_batch_size = 32;
  options.args.max_steps = 100;
  options.args.logging_steps = 1;
  options.args.save_strategy = "no";
  options.args.report_to = {};

  const auto finder = std::make_shared<LRFinder>(1e-6, 10);
  auto search = options;
  search.quiet = true;
  search.callbacks = {finder};
  trainer::Trainer(search).train();
  for (std::size_t i = 0; i < finder->points().size(); i += 10)
    std::printf("rate %-10.3g loss %.4f\n", finder->points()[i].rate, finder->points()[i].loss);
  const auto rate = finder->suggestion();
  if (!rate) {
    std::puts("the loss never fell; look at the data and the model");
    return 1;
  }
  std::printf("learning rate: %.3g\n", *rate);

  options.args.learning_rate = *rate;
  options.args.logging_steps = 25;
  const auto result = trainer::Trainer(options).train();
  std::printf("loss of the training with it: %.4f\n", result.training_loss);
  return 0;
} catch (const trainer::Error& e) {
  std::fprintf(stderr, "%s\n", e.what());
  return 1;
}
