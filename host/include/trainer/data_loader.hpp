// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "trainer/data_collator.hpp"
#include "trainer/dataset.hpp"
#include "trainer/sampler.hpp"

namespace trainer {

/// Batches, an epoch at a time.
class DataLoader {
 public:
  virtual ~DataLoader();
  /// Batches an epoch; nothing when that is not known.
  virtual std::optional<std::int64_t> size() const = 0;
  /// Rows of the dataset; nothing when that is not known.
  virtual std::optional<std::int64_t> num_examples() const = 0;
  /// Starts an epoch at its batch `first_batch`.
  virtual void begin_epoch(std::int64_t epoch, std::int64_t first_batch = 0) = 0;
  /// The next batch, or nothing at the epoch's end.
  virtual std::optional<Batch> next() = 0;
  /// With several processes: how many rows the batch of the last next() and those beside it in the other processes have
  /// of the dataset, before the rows that only make them equally long; nothing where there are none of these.
  virtual std::optional<std::int64_t> rows_in_round() const { return {}; }
};

/// Which of the processes of a launch takes what. Batch i of an epoch goes to process i mod `world`; all get as many,
/// and all of one size: what the last round lacks are rows from the epoch's beginning, or with drop_last the round is
/// left out.
struct DataShard {
  int rank = 0, world = 1;
  /// Gives `rows` rank 0's numbers, in place: an order that follows from a generator need not be the same everywhere.
  std::function<void(const at::Tensor& rows)> take_from_rank_0 = nullptr;
};

struct DataLoaderOptions {
  std::int64_t batch_size = 8;
  /// Leaves out a last batch that is smaller; as in transformers not that of an IterableDataset.
  bool drop_last = false;
  /// Null: sequential. An IterableDataset has an order of its own.
  std::shared_ptr<Sampler> sampler = nullptr;
  /// In place of batch_size, drop_last and sampler; a Dataset alone takes it.
  std::shared_ptr<BatchSampler> batch_sampler = nullptr;
  /// Null: Dataset::get_batch, which is faster; rows of an IterableDataset by default_data_collator.
  DataCollator collator = nullptr;
  /// Threads that prepare batches ahead; 0: each batch is made when it is asked for. An IterableDataset is read by one.
  std::int64_t num_workers = 0;
  std::int64_t prefetch_factor = 2;  ///< batches ahead for each worker
  bool pin_memory = false;           ///< page-locked batches, for a GPU
  DataShard shard = {};              ///< of several processes; an IterableDataset is read by each of them
};

/// The loader of a Dataset or an IterableDataset. Each epoch draws one number from the default generator, as torch's
/// loader does, so that dropout sees the same stream.
std::unique_ptr<DataLoader> make_data_loader(std::shared_ptr<AnyDataset> dataset, DataLoaderOptions options);

}  // namespace trainer
