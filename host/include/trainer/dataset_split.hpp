// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <variant>

#include "trainer/dataset.hpp"

namespace trainer {

/// Some rows of a dataset, in an order of their own.
class SubsetDataset : public Dataset {
 public:
  /// `rows`: their numbers in `dataset`, [N] int64 on the CPU.
  SubsetDataset(std::shared_ptr<const Dataset> dataset, at::Tensor rows);
  std::int64_t size() const override { return rows_.numel(); }
  Batch get_batch(const at::Tensor& indices) const override;
  std::vector<Row> get_rows(const at::Tensor& indices) const override;
  at::Tensor lengths(const std::string& column) const override;
  json::object description() const override { return dataset_->description(); }
  const Dataset& dataset() const { return *dataset_; }
  const at::Tensor& rows() const { return rows_; }

 private:
  std::shared_ptr<const Dataset> dataset_;
  at::Tensor rows_;
};

struct DatasetSplit {
  std::shared_ptr<SubsetDataset> train, test;
};

/// The same rows, in the same order, as train_test_split(test_size=..., seed=...) of Hugging Face's datasets gives.
/// `test_size`: a number of rows, or a share of them between 0 and 1, rounded up. Neither part may be empty.
DatasetSplit train_test_split(const std::shared_ptr<const Dataset>& dataset,
                              std::variant<std::int64_t, double> test_size, std::uint64_t seed = 42);

}  // namespace trainer
