// SPDX-License-Identifier: Apache-2.0
//
// Rows a second of the data loader and of torch::data's stateless loader, which asks for one item at a time; and
// what is left of the preparation of a batch when threads do it during the step.
#include <torch/data.h>

#include <thread>
#include <trainer/data_loader.hpp>

#include "process.hpp"

namespace {

constexpr std::int64_t rows = 65536, batch = 32, epochs = 4;

struct Rows {
  at::Tensor features, labels;
};
Rows make_rows() { return {at::randn({rows, 64}), at::randint(10, {rows}, at::kLong)}; }

struct Items : torch::data::Dataset<Items> {
  explicit Items(Rows given) : data(std::move(given)) {}
  torch::data::Example<> get(std::size_t i) override {
    const auto at = static_cast<std::int64_t>(i);
    return {data.features[at], data.labels[at]};
  }
  torch::optional<std::size_t> size() const override { return static_cast<std::size_t>(rows); }
  Rows data;
};

double torch_rows_a_second(const Rows& data) {
  auto loader = torch::data::make_data_loader<torch::data::samplers::RandomSampler>(
      Items(data).map(torch::data::transforms::Stack<>()), torch::data::DataLoaderOptions(batch));
  const auto start = bench::Clock::now();
  std::int64_t seen = 0;
  for (auto& one : *loader) seen += one.data.size(0);
  return static_cast<double>(seen) / bench::seconds_since(start);
}

double our_rows_a_second(const std::shared_ptr<trainer::Dataset>& data, std::int64_t workers) {
  const auto loader =
      trainer::make_data_loader(data, {.batch_size = batch,
                                       .sampler = std::make_shared<trainer::RandomSampler>(data->size(), 0),
                                       .num_workers = workers});
  const auto start = bench::Clock::now();
  std::int64_t seen = 0;
  for (std::int64_t epoch = 0; epoch < epochs; ++epoch) {
    loader->begin_epoch(epoch);
    while (auto one = loader->next()) seen += one->rows();
  }
  return static_cast<double>(seen) / bench::seconds_since(start);
}

// A dataset that waits for its storage, 1 ms a batch, beside a step that computes for 2 ms: the share of the time
// that the loop waits for data.
struct Slow : trainer::TensorDataset {
  using TensorDataset::TensorDataset;
  trainer::Batch get_batch(const at::Tensor& indices) const override {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return TensorDataset::get_batch(indices);
  }
};

double share_waited(const Rows& data, std::int64_t workers) {
  const auto loader =
      trainer::make_data_loader(std::make_shared<Slow>(data.features.slice(0, 0, 6400), data.labels.slice(0, 0, 6400)),
                                {.batch_size = batch, .num_workers = workers});
  loader->begin_epoch(0);
  const auto start = bench::Clock::now();
  double waited = 0;
  while (true) {
    const auto asked = bench::Clock::now();
    if (!loader->next()) break;
    waited += bench::seconds_since(asked);
    std::this_thread::sleep_for(std::chrono::milliseconds(2));  // the step, on another processor
  }
  return waited / bench::seconds_since(start);
}

}  // namespace

int main() {
  const auto data = make_rows();
  const auto ours = std::make_shared<trainer::TensorDataset>(data.features, data.labels);
  our_rows_a_second(ours, 0);  // warm
  std::printf(
      "{\"ours\": %.0f, \"ours_2_threads\": %.0f, \"torch\": %.0f, \"waited\": %.4f, "
      "\"waited_2_threads\": %.4f}\n",
      our_rows_a_second(ours, 0), our_rows_a_second(ours, 2), torch_rows_a_second(data), share_waited(data, 0),
      share_waited(data, 2));
}
