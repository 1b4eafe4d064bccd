// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/stack.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "trainer/json.hpp"

namespace trainer {

/// Named tensors of one batch, all with the rows first: {"features": [B, F], "labels": [B]}.
class Batch {
 public:
  Batch() = default;
  Batch(std::initializer_list<std::pair<std::string, at::Tensor>> tensors) : tensors_(tensors) {}

  /// The tensor called `name`; an undefined one when there is none.
  const at::Tensor& operator[](std::string_view name) const;
  void set(std::string_view name, at::Tensor tensor);
  void erase(std::string_view name);
  std::int64_t rows() const;  ///< of the first tensor; 0 when empty

  auto begin() const { return tensors_.begin(); }
  auto end() const { return tensors_.end(); }
  auto begin() { return tensors_.begin(); }
  auto end() { return tensors_.end(); }
  bool empty() const { return tensors_.empty(); }

 private:
  std::vector<std::pair<std::string, at::Tensor>> tensors_;
};

/// Rows that can be asked for by number. Derive for your own data; one call gives a whole batch, so
/// that a gather costs one operation and not one a row.
class Dataset {
 public:
  virtual ~Dataset() = default;
  virtual std::int64_t size() const = 0;
  /// The rows `indices` ([B] int64, on the CPU) in that order. With dataloader_num_workers it is
  /// called from several threads at once.
  virtual Batch get_batch(const at::Tensor& indices) const = 0;
  /// What has to be known of these rows to give a model that learned from them the same inputs later, such as the
  /// order of columns: kept in its checkpoints, as "data" of training_args.json. Empty: nothing.
  virtual json::object description() const { return {}; }
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
