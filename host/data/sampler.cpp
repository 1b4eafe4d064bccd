// SPDX-License-Identifier: Apache-2.0
#include "trainer/sampler.hpp"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

#include "data/failure.hpp"

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

}  // namespace trainer
