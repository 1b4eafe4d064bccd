// SPDX-License-Identifier: Apache-2.0
#include "trainer/sampler.hpp"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

#include <algorithm>

#include "data/failure.hpp"
#include "data/lengths.hpp"

namespace trainer {
namespace {

at::Generator generator_of(std::uint64_t seed, std::int64_t epoch) {
  return at::make_generator<at::CPUGeneratorImpl>(seed + static_cast<std::uint64_t>(epoch));
}

}  // namespace

Sampler::~Sampler() = default;

at::Tensor SequentialSampler::indices(std::int64_t) const { return at::arange(rows_, at::kLong); }

at::Tensor RandomSampler::indices(std::int64_t epoch) const {
  return at::randperm(rows_, generator_of(seed_, epoch), at::kLong);
}

WeightedRandomSampler::WeightedRandomSampler(at::Tensor weights, std::int64_t num_samples, std::uint64_t seed,
                                             bool replacement)
    : weights_(weights.to(at::kCPU, at::kDouble)), num_samples_(num_samples), seed_(seed), replacement_(replacement) {
  if (weights_.dim() != 1 || num_samples < 1 || (!replacement && num_samples > weights_.numel()))
    throw_usage(error_id::data_invalid,
                "WeightedRandomSampler: found weights " + shape_text(weights_.sizes()) + " for " +
                    std::to_string(num_samples) + " rows" + (replacement ? "" : " without replacement") +
                    ", expected a weight of each row and at least one row to draw; give weights [N]");
}

at::Tensor WeightedRandomSampler::indices(std::int64_t epoch) const {
  return at::multinomial(weights_, num_samples_, replacement_, generator_of(seed_, epoch));
}

LengthGroupedSampler::LengthGroupedSampler(const at::Tensor& lengths, std::int64_t batch_size,
                                           std::optional<std::uint64_t> seed)
    : lengths_(lengths_of_rows(lengths, "LengthGroupedSampler")), batch_size_(batch_size) {
  if (seed) generator_ = generator_of(*seed, 0);
  if (batch_size < 1)
    throw_usage(error_id::arguments_invalid,
                "LengthGroupedSampler: batch_size is " + std::to_string(batch_size) + ", expected at least 1");
}

at::Tensor LengthGroupedSampler::indices(std::int64_t) const {
  const at::Tensor order = at::randperm(size(), generator_, at::kLong);
  auto* rows = order.mutable_data_ptr<std::int64_t>();
  const std::int64_t* lengths = lengths_.data();
  const std::int64_t batches = std::clamp<std::int64_t>(size() / (batch_size_ * 4), 1, 50);
  const std::int64_t piece = batches * batch_size_;
  std::int64_t longest = 0;  // place of the first of the longest rows
  for (std::int64_t begin = 0; begin < size(); begin += piece) {
    std::stable_sort(rows + begin, rows + std::min(begin + piece, size()),
                     [&](std::int64_t a, std::int64_t b) { return lengths[a] > lengths[b]; });
    if (lengths[rows[begin]] > lengths[rows[longest]]) longest = begin;
  }
  if (size() > 0) std::swap(rows[0], rows[longest]);
  return order;
}

BatchSampler::~BatchSampler() = default;

}  // namespace trainer
