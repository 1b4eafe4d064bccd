// SPDX-License-Identifier: Apache-2.0
//
// Which rows of a Dataset an epoch takes, and in which order.
#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <vector>

namespace trainer {

class Sampler {
 public:
  virtual ~Sampler();
  virtual std::int64_t size() const = 0;  ///< rows of an epoch
  /// Their numbers in order, [size()] int64 on the CPU. It follows from the epoch, and from the default generator where
  /// it draws from that one, whose state at an epoch's begin checkpoints keep: so a resumed run goes on with the rows
  /// that were left.
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

/// Rows of like length together, as train_sampling_strategy "group_by_length" of transformers does it: a random order,
/// sorted by falling length within pieces of at most 50 batches; the longest row of all comes first.
class LengthGroupedSampler : public Sampler {
 public:
  /// `lengths`: [N] whole numbers. The random order is drawn from the default generator, or from one with this seed,
  /// which goes on from one call of indices() to the next.
  LengthGroupedSampler(const at::Tensor& lengths, std::int64_t batch_size, std::optional<std::uint64_t> seed = {});
  std::int64_t size() const override { return static_cast<std::int64_t>(lengths_.size()); }
  at::Tensor indices(std::int64_t epoch) const override;

 private:
  std::vector<std::int64_t> lengths_;
  std::int64_t batch_size_;
  std::optional<at::Generator> generator_;
};

/// Which rows each batch of an epoch has, where their number is not the same in all.
class BatchSampler {
 public:
  virtual ~BatchSampler();
  virtual std::int64_t size() const = 0;  ///< batches of an epoch
  /// size() lists of rows, as Sampler::indices() gives one.
  virtual std::vector<at::Tensor> batches(std::int64_t epoch) const = 0;
};

/// "batch_rebalance" of transformers: the rows of an optimizer step are drawn at random (seed 42 + epoch), sorted by
/// falling length, and cut into its micro-batches such that padding and attention cost the same in each: long rows in
/// small ones. Among several processes those that are made at the same time cost alike.
class BatchRebalanceSampler : public BatchSampler {
 public:
  /// `step_rows`: rows of a step, over all of the `micro_batches` of each of `world` processes; at least one for each.
  /// The batches are of all processes, in turn. The rows that are left at the end of an epoch are a smaller step,
  /// unless `drop_last`.
  BatchRebalanceSampler(const at::Tensor& lengths, std::int64_t step_rows, std::int64_t micro_batches, bool drop_last,
                        std::int64_t world = 1);
  std::int64_t size() const override;
  std::vector<at::Tensor> batches(std::int64_t epoch) const override;

 private:
  std::int64_t steps() const;

  std::vector<std::int64_t> lengths_;
  std::int64_t step_rows_, micro_batches_, world_;  // micro_batches_ of all processes
  bool drop_last_;
};

}  // namespace trainer
