// SPDX-License-Identifier: Apache-2.0
#include "trainer/dataset_split.hpp"

#include <ATen/ATen.h>

#include <cmath>

#include "data/numpy_permutation.hpp"
#include "trainer/error.hpp"
#include "trainer/json.hpp"

namespace trainer {

SubsetDataset::SubsetDataset(std::shared_ptr<const Dataset> dataset, at::Tensor rows)
    : dataset_(std::move(dataset)), rows_(rows.to(at::kCPU, at::kLong).contiguous()) {
  if (rows_.dim() != 1 || (rows_.numel() > 0 && (rows_.min().item<std::int64_t>() < 0 ||
                                                 rows_.max().item<std::int64_t>() >= dataset_->size())))
    throw_usage(error_id::data_invalid, "SubsetDataset: expected numbers of rows, from 0 to " +
                                            std::to_string(dataset_->size() - 1) + "; give a tensor [N] of them");
}

Batch SubsetDataset::get_batch(const at::Tensor& indices) const {
  return dataset_->get_batch(rows_.index_select(0, indices));
}

std::vector<Row> SubsetDataset::get_rows(const at::Tensor& indices) const {
  return dataset_->get_rows(rows_.index_select(0, indices));
}

at::Tensor SubsetDataset::lengths(const std::string& column) const {
  return dataset_->lengths(column).index_select(0, rows_);
}

DatasetSplit train_test_split(const std::shared_ptr<const Dataset>& dataset,
                              std::variant<std::int64_t, double> test_size, std::uint64_t seed) {
  const std::int64_t rows = dataset->size();
  const auto* share = std::get_if<double>(&test_size);
  const double size = share ? *share : static_cast<double>(std::get<std::int64_t>(test_size));
  const auto test =
      static_cast<std::int64_t>(share && *share > 0 && *share < 1 ? std::ceil(size * static_cast<double>(rows))
                                : share                           ? 0
                                                                  : std::get<std::int64_t>(test_size));
  if (test <= 0 || test >= rows)
    throw_usage(error_id::data_invalid, "a split of " + std::to_string(rows) + " rows by " +
                                            (share ? json::repr(size) : std::to_string(test)) +
                                            " leaves no rows for one of the parts, expected a share between 0 and 1, " +
                                            "or a number of rows below theirs; give another one, or more rows");
  const auto order = at::tensor(numpy_permutation(seed, rows), at::kLong);
  return {std::make_shared<SubsetDataset>(dataset, order.slice(0, test)),
          std::make_shared<SubsetDataset>(dataset, order.slice(0, 0, test))};
}

}  // namespace trainer
