// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>

#include "trainer/dataset.hpp"

namespace trainer {

class BatchWorkers;

/// Batches of a dataset, an epoch at a time.
class DataLoader {
 public:
  struct Options {
    std::int64_t batch_size = 8;
    bool drop_last = false;
    /// Shuffle with randperm of a generator seeded with `seed` + epoch, as accelerate's seedable
    /// sampler does; nothing is carried from epoch to epoch. Without it: file order.
    bool shuffle = false;
    std::uint64_t seed = 0;
    /// Threads that prepare batches ahead; 0: each batch is made when it is asked for.
    std::int64_t num_workers = 0;
    std::int64_t prefetch_factor = 2;  ///< batches ahead for each worker
    bool pin_memory = false;           ///< page-locked batches, for a GPU
  };

  DataLoader(std::shared_ptr<Dataset> dataset, Options options);
  virtual ~DataLoader();

  std::int64_t size() const;  ///< batches an epoch
  std::int64_t num_examples() const { return dataset_->size(); }
  const Dataset& dataset() const { return *dataset_; }

  /// Starts an epoch at its batch `first_batch`. Draws one number from the default generator, as
  /// torch's loader does, so that dropout sees the same stream.
  virtual void begin_epoch(std::int64_t epoch, std::int64_t first_batch = 0);
  /// The next batch, or nothing at the epoch's end.
  virtual std::optional<Batch> next();

 private:
  at::Tensor rows_of(std::int64_t batch) const;
  Batch make(const at::Tensor& rows) const;

  std::shared_ptr<Dataset> dataset_;
  Options options_;
  at::Tensor order_;  // [N] int64
  std::int64_t at_ = 0;
  std::unique_ptr<BatchWorkers> workers_;
};

}  // namespace trainer
