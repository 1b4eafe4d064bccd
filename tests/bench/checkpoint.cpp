// SPDX-License-Identifier: Apache-2.0
//
// Writing and reading a checkpoint's large files, and how long a save holds the training up.
//   checkpoint MEGABYTES DIR       the directory gets model.safetensors and a run's output, and loses them again
#include <ATen/core/Dict.h>
#include <ATen/core/ivalue.h>
#include <fcntl.h>
#include <torch/nn/module.h>
#include <torch/nn/modules/linear.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <thread>
#include <trainer/files.hpp>
#include <trainer/safetensors.hpp>
#include <trainer/torch_file.hpp>
#include <trainer/trainer.hpp>

#include "process.hpp"

namespace {

namespace fs = std::filesystem;
constexpr std::int64_t layers = 16;

trainer::NamedTensors make_tensors(double megabytes) {
  trainer::NamedTensors tensors;
  const auto numbers = static_cast<std::int64_t>(megabytes * 1e6 / 4 / layers);
  for (std::int64_t i = 0; i < layers; ++i)
    tensors.emplace_back("layer_" + std::to_string(10 + i), at::rand({numbers}));
  return tensors;
}

// A model of which nearly all is in buffers, so that a step takes no time and the optimizer has no state of it.
struct Large : torch::nn::Module {
  explicit Large(const trainer::NamedTensors& tensors) {
    linear = register_module("linear", torch::nn::Linear(2, 1));
    for (const auto& [name, tensor] : tensors) register_buffer(name, tensor);
  }
  at::Tensor forward(const at::Tensor& x) { return linear->forward(x); }
  torch::nn::Linear linear{nullptr};
};

// Seconds from the end of a step that saves to the begin of the next, for the first save and the second. That is
// asked for when the first is on the disk.
struct Stopwatch : trainer::TrainerCallback {
  bench::Clock::time_point saved;
  double first = 0, second = 0;
  void on_step_end(CallbackContext&) override { saved = bench::Clock::now(); }
  void on_step_begin(CallbackContext& context) override {
    if (context.state.global_step == 2) second = bench::seconds_since(saved);
    if (context.state.global_step != 1) return;
    first = bench::seconds_since(saved);
    while (!fs::exists(fs::path(context.args.output_dir) / "checkpoint-1"))
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    std::this_thread::sleep_for(std::chrono::milliseconds(100));  // until the writer knows, too
  }
};

// The trainer is left as it is, to resume.
std::pair<double, double> held_up(const std::shared_ptr<Large>& model, const fs::path& output, bool async_save,
                                  std::unique_ptr<trainer::Trainer>& trainer) {
  const auto watch = std::make_shared<Stopwatch>();
  trainer::TrainerOptions options;
  options.model = trainer::supervised(model, trainer::mse_loss);
  options.train_dataset = std::make_shared<trainer::TensorDataset>(at::rand({8, 2}), at::rand({8, 1}));
  options.args.output_dir = output.string();
  options.args.report_to = {};
  options.args.max_steps = 3;
  options.args.save_strategy = "steps";
  options.args.save_steps = 1;
  options.args.save_total_limit = 1;
  options.args.use_cpu = true;
  options.callbacks = {watch};
  options.quiet = true;
  options.async_save = async_save;
  trainer = std::make_unique<trainer::Trainer>(std::move(options));
  trainer->train();
  return {watch->first, watch->second};
}

// A file's bytes one after the other into the same few megabytes.
double plain_read_seconds(const fs::path& file) {
  const auto start = bench::Clock::now();
  std::vector<char> piece(1 << 22);
  std::ifstream in(file, std::ios::binary);
  while (in.read(piece.data(), static_cast<std::streamsize>(piece.size()))) {
  }
  return bench::seconds_since(start);
}

// As large and with the same content, by plain write() of a few megabytes at once and fsync.
double plain_write_seconds(const fs::path& file, const trainer::NamedTensors& tensors) {
  const auto start = bench::Clock::now();
  const int descriptor = ::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0666);
  for (const auto& [name, tensor] : tensors) {
    const auto* bytes = static_cast<const char*>(tensor.const_data_ptr());
    for (std::size_t done = 0; done < tensor.nbytes();) {
      const auto n = ::write(descriptor, bytes + done, std::min<std::size_t>(1 << 22, tensor.nbytes() - done));
      if (n < 0) std::exit(1);
      done += static_cast<std::size_t>(n);
    }
  }
  ::fsync(descriptor);
  ::close(descriptor);
  const double seconds = bench::seconds_since(start);
  fs::remove(file);
  return seconds;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const double megabytes = std::atof(argv[1]);
  const fs::path directory = argv[2], file = directory / "model.safetensors";
  const auto tensors = make_tensors(megabytes);
  const double plain_write = plain_write_seconds(directory / "plain", tensors);

  auto start = bench::Clock::now();
  trainer::save_safetensors(file, tensors);
  trainer::sync_file(file);
  const double on_disk = bench::seconds_since(start);

  start = bench::Clock::now();
  const auto read = trainer::load_safetensors(file);
  const double read_back = bench::seconds_since(start);
  for (std::size_t i = 0; i < tensors.size(); ++i)
    if (read[i].first != tensors[i].first || !read[i].second.equal(tensors[i].second)) return 1;
  const double page_cache = plain_read_seconds(file);
  fs::remove(file);

  start = bench::Clock::now();
  {
    trainer::NamedTensors copies;
    for (const auto& [name, tensor] : tensors) copies.emplace_back(name, tensor.clone());
  }
  const double copied = bench::seconds_since(start);

  const fs::path states = directory / "optimizer.pt";
  c10::impl::GenericDict dict(c10::AnyType::get(), c10::AnyType::get());
  for (const auto& [name, tensor] : tensors) dict.insert(name, tensor);
  trainer::write_torch_file(states, dict);
  start = bench::Clock::now();
  {
    std::vector<at::Tensor> copies;  // as an optimizer makes them when it takes a state
    for (const auto& entry : trainer::read_torch_file(states).toGenericDict())
      copies.push_back(entry.value().toTensor().clone());
  }
  const double read_states = bench::seconds_since(start);
  fs::remove(states);

  const auto model = std::make_shared<Large>(tensors);
  const fs::path output = directory / "out";
  std::unique_ptr<trainer::Trainer> trainer;
  const double held = held_up(model, output, false, trainer).first;
  fs::remove_all(output);
  const auto [held_async, held_again] = held_up(model, output, true, trainer);
  start = bench::Clock::now();
  trainer->load_model(output / "checkpoint-3");
  const double resumed = bench::seconds_since(start);
  fs::remove_all(output);
  std::printf(
      "{\"write_sync_mb_s\": %.1f, \"plain_write_mb_s\": %.1f, \"read_mb_s\": %.1f, \"page_cache_mb_s\": %.1f, "
      "\"resume_mb_s\": %.1f, \"read_states_mb_s\": %.1f, \"copy_s\": %.4f, "
      "\"held_s\": %.4f, \"held_async_s\": %.4f, \"held_again_s\": %.4f}\n",
      megabytes / on_disk, megabytes / plain_write, megabytes / read_back, megabytes / page_cache, megabytes / resumed,
      megabytes / read_states, copied, held, held_async, held_again);
}
