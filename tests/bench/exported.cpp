// SPDX-License-Identifier: Apache-2.0
//
// Microseconds of a step of a model that PyTorch exported, trained as users train it; when the first step begins, and
// the most memory.
//   exported MODEL.pt2 ROWS.safetensors BATCH WARM_UP STEPS OUTPUT_DIR [update]      update: by its compiled step
#include <trainer/pt2.hpp>
#include <trainer/safetensors_dataset.hpp>
#include <trainer/trainer.hpp>

#include "process.hpp"

namespace {

struct Stopwatch : trainer::TrainerCallback {
  long warm_up;
  double first_step = 0, seconds = 0;
  bench::Clock::time_point start;
  explicit Stopwatch(long steps) : warm_up(steps) {}
  void on_step_begin(CallbackContext& context) override {
    if (context.state.global_step == 0) first_step = bench::seconds_since_launch();
    if (context.state.global_step == warm_up) start = bench::Clock::now();
  }
  void on_step_end(CallbackContext& context) override {
    if (context.state.global_step == context.state.max_steps) seconds = bench::seconds_since(start);
  }
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 7 && argc != 8) return 2;
  const long batch = std::atol(argv[3]), warm_up = std::atol(argv[4]), steps = std::atol(argv[5]);
  const auto watch = std::make_shared<Stopwatch>(warm_up);
  trainer::TrainerOptions options;
  options.model =
      trainer::load_pt2(argv[1], {.compiled = argc == 8 ? trainer::Compiled::update : trainer::Compiled::none});
  options.train_dataset = std::make_shared<trainer::SafetensorsDataset>(argv[2]);
  auto& args = options.args;
  args.output_dir = argv[6];
  args.max_steps = warm_up + steps;
  args.per_device_train_batch_size = batch;
  args.learning_rate = 1e-3;
  args.weight_decay = 0.01;
  args.logging_steps = 10;
  args.save_strategy = "no";
  args.use_cpu = true;
  args.report_to = {"none"};
  options.callbacks = {watch};
  options.quiet = true;
  trainer::Trainer trainer(std::move(options));
  trainer.train();
  std::printf("{\"us\": %.3f, \"seconds\": %.3f, \"peak_kb\": %ld}\n",
              1e6 * watch->seconds / static_cast<double>(steps), watch->first_step, bench::memory_kb("VmHWM"));
}
