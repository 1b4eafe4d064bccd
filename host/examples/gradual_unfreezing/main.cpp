// SPDX-License-Identifier: Apache-2.0
//
// Fine-tunes a network, layer after layer from the last one on.
#include <cstdio>

#include "gradual_unfreezing.hpp"

namespace {

// Says after each epoch how far the layers have moved from where they began.
class Moved : public trainer::TrainerCallback {
  void on_train_begin(CallbackContext& context) override {
    for (const auto& parameter : context.model->module().parameters()) before_.push_back(parameter.detach().clone());
  }
  void on_epoch_end(CallbackContext& context) override {
    std::printf("epoch %g:", static_cast<double>(context.state.epoch));
    auto before = before_.begin();
    for (const auto& parameter : context.model->module().named_parameters())
      std::printf("  %s %.3f", parameter.key().c_str(), (parameter.value() - *before++).norm().item<double>());
    std::printf("\n");
  }
  std::vector<torch::Tensor> before_;
};

}  // namespace

int main() try {
  torch::manual_seed(0);
  const auto features = torch::randn({256, 8});
  torch::nn::Sequential net(torch::nn::Linear(8, 16), torch::nn::ReLU(), torch::nn::Linear(16, 16), torch::nn::ReLU(),
                            torch::nn::Linear(16, 2));

  trainer::TrainerOptions options;
  options.model = trainer::supervised(net, trainer::cross_entropy);
  options.train_dataset = std::make_shared<trainer::TensorDataset>(features, (features.sum(1) > 0).to(torch::kLong));
  options.args.output_dir = "gradual_unfreezing_output";
  options.args.learning_rate = 1e-2;
  options.args.weight_decay = 0.01;
  options.args.num_train_epochs = 4;
  options.args.save_strategy = "no";
  options.args.report_to = {};
  options.quiet = true;
  options.callbacks = {trainer::CallbackSpec::of<GradualUnfreezing>(), std::make_shared<Moved>()};
  trainer::Trainer trainer(std::move(options));
  std::printf("loss: %.4f\n", trainer.train().training_loss);
  return 0;
} catch (const trainer::Error& e) {
  std::fprintf(stderr, "%s\n", e.what());
  return 1;
}
