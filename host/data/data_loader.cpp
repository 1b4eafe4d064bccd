// SPDX-License-Identifier: Apache-2.0
#include "trainer/data_loader.hpp"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

#include "data/batch_workers.hpp"
#include "data/failure.hpp"

namespace trainer {

DataLoader::DataLoader(std::shared_ptr<Dataset> dataset, Options options)
    : dataset_(std::move(dataset)), options_(options) {
  if (options_.num_workers > 0) workers_ = std::make_unique<BatchWorkers>(options_.num_workers);
}

DataLoader::~DataLoader() = default;

std::int64_t DataLoader::size() const {
  const std::int64_t rows = dataset_->size();
  return options_.drop_last ? rows / options_.batch_size : (rows + options_.batch_size - 1) / options_.batch_size;
}

void DataLoader::begin_epoch(std::int64_t epoch, std::int64_t first_batch) {
  at::empty({}, at::kLong).random_();
  const std::int64_t rows = dataset_->size();
  if (options_.shuffle) {
    auto generator = at::make_generator<at::CPUGeneratorImpl>(options_.seed + static_cast<std::uint64_t>(epoch));
    order_ = at::randperm(rows, generator, at::kLong);
  } else if (!order_.defined()) {
    order_ = at::arange(rows, at::kLong);
  }
  at_ = first_batch;
  if (workers_) workers_->clear();
}

at::Tensor DataLoader::rows_of(std::int64_t batch) const {
  const std::int64_t begin = batch * options_.batch_size;
  return order_.slice(0, begin, std::min(begin + options_.batch_size, dataset_->size()));
}

Batch DataLoader::make(const at::Tensor& rows) const {
  Batch batch =
      at_place(error_id::data_failed, [&] { return rows_text(rows); }, [&] { return dataset_->get_batch(rows); });
  if (options_.pin_memory)
    for (auto& entry : batch) entry.second = entry.second.pin_memory();
  return batch;
}

std::optional<Batch> DataLoader::next() {
  if (workers_) {
    const auto ahead = static_cast<std::size_t>(options_.num_workers * options_.prefetch_factor);
    for (; at_ < size() && workers_->pending() < ahead; ++at_)
      workers_->submit([this, rows = rows_of(at_)] { return make(rows); });
    if (workers_->pending() == 0) return std::nullopt;
    return workers_->take();
  }
  if (at_ >= size()) return std::nullopt;
  return make(rows_of(at_++));
}

}  // namespace trainer
