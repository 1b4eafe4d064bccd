// SPDX-License-Identifier: Apache-2.0
//
// Where rows come from: by their numbers (Dataset), or one after another (IterableDataset).
#pragma once

#include <ATen/ops/stack.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "trainer/batch.hpp"
#include "trainer/json.hpp"

namespace trainer {

/// A Dataset or an IterableDataset. make_data_loader() knows these two; rows of another kind need a DataLoader of their
/// own.
class AnyDataset {
 public:
  virtual ~AnyDataset();
  /// What has to be known of these rows to give a model that learned from them the same inputs later, such as the
  /// order of columns: kept in its checkpoints, as "data" of training_args.json. Empty: nothing.
  virtual json::object description() const { return {}; }
};

/// Rows that have numbers, 0 to size() - 1.
class Dataset : public AnyDataset {
 public:
  virtual std::int64_t size() const = 0;
  /// The batch of these rows ([B] int64), in this order. With dataloader_num_workers it is called from several threads
  /// at once. What it throws leaves the Trainer as an Error that names the rows.
  virtual Batch get_batch(const at::Tensor& indices) const = 0;
  /// The same rows one by one, for a data_collator; from several threads, too. Here a batch that is cut up.
  virtual std::vector<Row> get_rows(const at::Tensor& indices) const;
  /// How long each row is ([size()] int64 on the CPU), for samplers that look at it: the numbers of `column`, or where
  /// its rows are no single numbers their first dimension; that of "input_ids" where rows lack `column`. An Error where
  /// they lack both. Here every row is made for it once.
  virtual at::Tensor lengths(const std::string& column) const;
};

/// Rows that are made one by one, and may differ in shape: a data_collator makes batches of them, or
/// default_data_collator.
class RowDataset : public Dataset {
 public:
  /// Row `index`; from several threads at once with dataloader_num_workers.
  virtual Row get_row(std::int64_t index) const = 0;
  Batch get_batch(const at::Tensor& indices) const override;
  std::vector<Row> get_rows(const at::Tensor& indices) const override;
};

/// Gives one row after another, then nothing.
using RowStream = std::function<std::optional<Row>()>;

/// A stream of rows whose number is not known: max_steps says how long training goes on, and an epoch is as long as the
/// stream. Its order is its own; a resumed run reads again, and drops, what was seen in the epoch.
class IterableDataset : public AnyDataset {
 public:
  /// The rows of an epoch, from the first one on. Streams of several calls do not disturb each other. Each is read by
  /// one thread at a time, which with dataloader_num_workers is another one than the Trainer's.
  virtual RowStream stream(std::int64_t epoch) const = 0;
};

/// Tensors in memory, all with the same number of rows.
class TensorDataset : public Dataset {
 public:
  explicit TensorDataset(Batch columns);
  TensorDataset(at::Tensor features, at::Tensor labels);
  std::int64_t size() const override { return rows_; }
  Batch get_batch(const at::Tensor& indices) const override;
  const Batch& columns() const { return columns_; }

 private:
  Batch columns_;
  std::int64_t rows_;
};

/// A dataset of torch::data whose examples have `data` and `target`: stacked once into memory.
template <typename TorchDataset>
std::shared_ptr<TensorDataset> from_torch(TorchDataset dataset) {
  std::vector<at::Tensor> data, target;
  for (std::size_t i = 0; i < *dataset.size(); ++i) {
    auto example = dataset.get(i);
    data.push_back(example.data);
    target.push_back(example.target);
  }
  return std::make_shared<TensorDataset>(at::stack(data), at::stack(target));
}

}  // namespace trainer
