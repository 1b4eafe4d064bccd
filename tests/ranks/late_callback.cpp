// SPDX-License-Identifier: Apache-2.0
//
// One rank of a training into which, on rank 1 alone and in its middle, a callback comes that stops all within a window
// of micro-batches. Prints how it ended; run by agreement.py.
#include <torch/torch.h>

#include <cstdio>
#include <trainer/trainer.hpp>

namespace {

struct Late : trainer::TrainerCallback {
  void on_substep_end(CallbackContext& context) override {
    if (context.state.global_step == 4) context.control.should_training_stop = 1;
  }
};

struct Adder : trainer::TrainerCallback {
  trainer::Trainer* trainer = nullptr;
  void on_log(CallbackContext& context) override {
    if (context.state.global_step == 2 && !context.state.is_world_process_zero) trainer->add_callback<Late>();
  }
};

}  // namespace

int main() try {
  torch::manual_seed(0);
  const auto adder = std::make_shared<Adder>();
  trainer::TrainerOptions options;
  const auto features = torch::randn({96, 4});
  options.train_dataset = std::make_shared<trainer::TensorDataset>(features, features.sum(1, true));
  options.model = trainer::supervised(torch::nn::Linear(4, 1), trainer::mse_loss);
  options.args.output_dir = "out";
  options.args.per_device_train_batch_size = 2;
  options.args.gradient_accumulation_steps = 3;
  options.args.max_steps = 8;
  options.args.logging_steps = 2;
  options.args.ddp_timeout = 20;
  options.args.save_strategy = "no";
  options.args.use_cpu = true;
  options.args.report_to = {};
  options.callbacks = {adder};
  options.quiet = true;
  trainer::Trainer trainer(std::move(options));
  adder->trainer = &trainer;
  trainer.train();
  std::printf("ended at step %lld\n", static_cast<long long>(trainer.state().global_step));
  return 0;
} catch (const trainer::Error& e) {
  std::fprintf(stderr, "%s\n", e.what());
  return 1;
}
