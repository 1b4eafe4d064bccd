// SPDX-License-Identifier: Apache-2.0
#include "trainer/data_loader.hpp"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

namespace trainer {

DataLoader::DataLoader(std::shared_ptr<Dataset> dataset, Options options)
    : dataset_(std::move(dataset)), options_(options) {}

std::int64_t DataLoader::size() const {
  const std::int64_t rows = dataset_->size();
  return options_.drop_last ? rows / options_.batch_size
                            : (rows + options_.batch_size - 1) / options_.batch_size;
}

void DataLoader::begin_epoch(std::int64_t epoch, std::int64_t first_batch) {
  at::empty({}, at::kLong).random_();
  const std::int64_t rows = dataset_->size();
  if (options_.shuffle) {
    auto generator =
        at::make_generator<at::CPUGeneratorImpl>(options_.seed + static_cast<std::uint64_t>(epoch));
    order_ = at::randperm(rows, generator, at::kLong);
  } else if (!order_.defined()) {
    order_ = at::arange(rows, at::kLong);
  }
  at_ = first_batch;
}

std::optional<Batch> DataLoader::next() {
  if (at_ >= size()) return std::nullopt;
  const std::int64_t begin = at_ * options_.batch_size;
  const std::int64_t end = std::min(begin + options_.batch_size, dataset_->size());
  ++at_;
  return dataset_->get_batch(order_.slice(0, begin, end));
}

}  // namespace trainer
