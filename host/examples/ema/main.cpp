// SPDX-License-Identifier: Apache-2.0
//
// A noisy training, evaluated with the moving average of its weights, which is also what is saved.
#include <cstdio>

#include "ema.hpp"

int main() try {
  torch::manual_seed(0);
  const auto set = [](std::int64_t rows) {
    const auto features = torch::randn({rows, 4});
    return std::make_shared<trainer::TensorDataset>(features, features.sum(1, true) + 0.5 * torch::randn({rows, 1}));
  };
  trainer::TrainerOptions options;
  options.train_dataset = set(256);
  options.eval_dataset = set(128);
  options.args.output_dir = "ema_output";
  options.args.optim = "sgd";
  options.args.learning_rate = 0.2;
  options.args.lr_scheduler_type = "constant";
  options.args.per_device_train_batch_size = 2;
  options.args.num_train_epochs = 3;
  options.args.eval_strategy = options.args.save_strategy = "epoch";
  options.args.report_to = {};
  options.quiet = true;

  for (const bool average : {false, true}) {
    torch::manual_seed(1);
    options.model = trainer::supervised(torch::nn::Linear(4, 1), trainer::mse_loss);
    options.callbacks = {};
    if (average) options.callbacks.push_back(trainer::CallbackSpec::of<EMA>(0.98, EMA::Saves::average));
    trainer::Trainer trainer(options);
    trainer.train();
    std::printf("%s\n", average ? "with the average:" : "with the trained weights:");
    for (const auto& entry : trainer.state().log_history)
      if (const auto* loss = entry.if_contains("eval_loss"))
        std::printf("  epoch %g: eval_loss %.4f\n", entry.at("epoch").to_number<double>(), loss->to_number<double>());
  }
  return 0;
} catch (const trainer::Error& e) {
  std::fprintf(stderr, "%s\n", e.what());
  return 1;
}
