// SPDX-License-Identifier: Apache-2.0
//
// Microseconds of one training step: the Trainer as users run it, and two loops written by hand.
//   step trainer|loop|fused HIDDEN BATCH STEPS OUTPUT_DIR PLUGIN_DIR
#include <torch/nn/utils/clip_grad.h>
#include <torch/optim/adamw.h>

#include <cmath>
#include <trainer/trainer.hpp>

#include "model.hpp"
#include "process.hpp"

namespace {

constexpr std::int64_t warm_up = 100, rows = 4096;

// It hears of logs alone: ranks agree after each step if a callback could set a flag there.
struct Stopwatch : trainer::TrainerCallback {
  bench::Clock::time_point start;
  double seconds = 0;
  void on_log(CallbackContext& context) override {
    if (context.state.global_step == warm_up) start = bench::Clock::now();
    if (context.state.global_step == context.state.max_steps && seconds == 0) seconds = bench::seconds_since(start);
  }
};

struct FirstStep : trainer::TrainerCallback {
  void on_step_end(CallbackContext& context) override {
    if (context.state.global_step == 1)
      std::printf("{\"seconds\": %.3f, \"rss_kb\": %ld}\n", bench::seconds_since_launch(), bench::memory_kb("VmRSS"));
  }
};

// Logs every 10 steps to csv and tensorboard, early stopping that watches an evaluation at the end, and the
// callbacks that a Trainer has by default.
double trainer_seconds(std::int64_t hidden, std::int64_t batch, std::int64_t steps, const char* output,
                       const char* plugins) {
  const auto data = bench::make_rows(rows);
  const auto watch = std::make_shared<Stopwatch>();
  trainer::TrainerOptions options;
  options.model = trainer::supervised(bench::make_net(hidden), trainer::cross_entropy);
  options.train_dataset = std::make_shared<trainer::TensorDataset>(data.features, data.labels);
  options.eval_dataset =
      std::make_shared<trainer::TensorDataset>(data.features.slice(0, 0, 64), data.labels.slice(0, 0, 64));
  auto& args = options.args;
  args.output_dir = output;
  args.max_steps = warm_up + steps;
  args.per_device_train_batch_size = batch;
  args.learning_rate = 1e-3;
  args.logging_steps = 10;
  args.eval_strategy = args.save_strategy = "steps";
  args.eval_steps = args.save_steps = static_cast<double>(warm_up + steps);
  args.load_best_model_at_end = true;
  args.use_cpu = true;
  args.ddp_find_unused_parameters = false;  // as the command has it for its own models
  args.report_to = {"csv", "tensorboard"};
  options.callbacks = {trainer::CallbackSpec::plugin("early_stopping"), watch};
  if (steps == 1) options.callbacks.push_back(std::make_shared<FirstStep>());
  options.plugin_dirs = {plugins};
  options.quiet = true;
  trainer::Trainer trainer(std::move(options));
  trainer.train();
  return watch->seconds;
}

// What both loops have in common: a shuffle an epoch, gathered batches, the loss summed for a log, a linear
// schedule. `update` clips and steps.
template <typename Update>
double loop_seconds(torch::nn::Sequential& net, std::int64_t batch, std::int64_t steps, Update&& update) {
  const auto data = bench::make_rows(rows);
  const std::int64_t total = warm_up + steps;
  bench::Clock::time_point start;
  double sum = 0;
  at::Tensor order;
  for (std::int64_t step = 0; step < total; ++step) {
    if (step == warm_up) start = bench::Clock::now();
    const std::int64_t at = step % (rows / batch);
    if (at == 0) order = at::randperm(rows, at::kLong);
    const auto index = order.slice(0, at * batch, (at + 1) * batch);
    const auto logits = net->forward(data.features.index_select(0, index));
    const auto loss = at::cross_entropy_loss(logits, data.labels.index_select(0, index));
    loss.backward();
    update(1e-3 * static_cast<double>(total - step) / static_cast<double>(total));
    sum += loss.item<float>();
  }
  const double seconds = bench::seconds_since(start);
  if (!std::isfinite(sum)) throw std::runtime_error("the loss is not finite");
  return seconds;
}

double plain_seconds(std::int64_t hidden, std::int64_t batch, std::int64_t steps) {
  auto net = bench::make_net(hidden);
  auto parameters = net->parameters();
  torch::optim::AdamW optimizer(parameters, torch::optim::AdamWOptions(1e-3).weight_decay(0));
  return loop_seconds(net, batch, steps, [&](double rate) {
    torch::nn::utils::clip_grad_norm_(parameters, 1.0);
    for (auto& group : optimizer.param_groups()) static_cast<torch::optim::AdamWOptions&>(group.options()).lr(rate);
    optimizer.step();
    optimizer.zero_grad();
  });
}

double fused_seconds(std::int64_t hidden, std::int64_t batch, std::int64_t steps) {
  auto net = bench::make_net(hidden);
  const auto parameters = net->parameters();
  std::vector<at::Tensor> grads, averages, squares, counts;
  for (const auto& parameter : parameters) {
    averages.push_back(at::zeros_like(parameter));
    squares.push_back(at::zeros_like(parameter));
    counts.push_back(at::zeros({}));
  }
  return loop_seconds(net, batch, steps, [&](double rate) {
    const at::NoGradGuard no_grad;
    grads.clear();
    for (const auto& parameter : parameters) grads.push_back(parameter.grad());
    const float norm = at::linalg_vector_norm(at::stack(at::_foreach_norm(grads, 2.0)), 2.0).item<float>();
    if (norm > 1) at::_foreach_mul_(grads, 1 / (norm + 1e-6f));
    at::_foreach_add_(counts, 1);
    at::_fused_adamw_(parameters, grads, averages, squares, {}, counts, rate, 0.9, 0.999, 0, 1e-8,
                      /*amsgrad=*/false, /*maximize=*/false, {}, {});
    for (const auto& parameter : parameters) parameter.mutable_grad().reset();
  });
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 7) return 2;
  const std::string mode = argv[1];
  const std::int64_t hidden = std::atoll(argv[2]), batch = std::atoll(argv[3]), steps = std::atoll(argv[4]);
  const double seconds = mode == "trainer" ? trainer_seconds(hidden, batch, steps, argv[5], argv[6])
                         : mode == "loop"  ? plain_seconds(hidden, batch, steps)
                                           : fused_seconds(hidden, batch, steps);
  std::printf("{\"us\": %.3f}\n", 1e6 * seconds / static_cast<double>(steps));
}
