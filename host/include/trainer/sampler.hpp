// SPDX-License-Identifier: Apache-2.0
//
// Which rows of a Dataset an epoch takes, and in which order.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace trainer {

class Sampler {
 public:
  virtual ~Sampler();
  virtual std::int64_t size() const = 0;  ///< rows of an epoch
  /// Their numbers in order, [size()] int64 on the CPU. It follows from the epoch alone, so that a resumed run goes on
  /// with the rows that were left.
  virtual at::Tensor indices(std::int64_t epoch) const = 0;
};

/// 0, 1, 2 ...
class SequentialSampler : public Sampler {
 public:
  explicit SequentialSampler(std::int64_t rows) : rows_(rows) {}
  std::int64_t size() const override { return rows_; }
  at::Tensor indices(std::int64_t epoch) const override;

 private:
  std::int64_t rows_;
};

/// randperm of a generator seeded with `seed` + epoch, as accelerate's seedable sampler does.
class RandomSampler : public Sampler {
 public:
  RandomSampler(std::int64_t rows, std::uint64_t seed) : rows_(rows), seed_(seed) {}
  std::int64_t size() const override { return rows_; }
  at::Tensor indices(std::int64_t epoch) const override;

 private:
  std::int64_t rows_;
  std::uint64_t seed_;
};

/// `num_samples` rows drawn with these weights, [N] and not negative, from a generator seeded with `seed` + epoch:
/// multinomial of torch.
class WeightedRandomSampler : public Sampler {
 public:
  WeightedRandomSampler(at::Tensor weights, std::int64_t num_samples, std::uint64_t seed, bool replacement = true);
  std::int64_t size() const override { return num_samples_; }
  at::Tensor indices(std::int64_t epoch) const override;

 private:
  at::Tensor weights_;
  std::int64_t num_samples_;
  std::uint64_t seed_;
  bool replacement_;
};

}  // namespace trainer
