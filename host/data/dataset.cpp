// SPDX-License-Identifier: Apache-2.0
#include "trainer/dataset.hpp"

#include <ATen/ATen.h>

#include "trainer/data_collator.hpp"
#include "trainer/error.hpp"

namespace trainer {

AnyDataset::~AnyDataset() = default;

std::vector<Row> Dataset::get_rows(const at::Tensor& indices) const {
  std::vector<Row> rows(static_cast<std::size_t>(indices.numel()));
  for (const auto& [name, column] : get_batch(indices)) {
    auto cells = column.unbind(0);
    if (cells.size() != rows.size())
      throw_usage(error_id::data_invalid, "get_batch() gave " + std::to_string(cells.size()) + " rows of \"" + name +
                                              "\", expected the " + std::to_string(rows.size()) +
                                              " that were asked for");
    for (std::size_t i = 0; i < rows.size(); ++i) rows[i].set(name, std::move(cells[i]));
  }
  return rows;
}

Batch RowDataset::get_batch(const at::Tensor& indices) const { return default_data_collator(get_rows(indices)); }

std::vector<Row> RowDataset::get_rows(const at::Tensor& indices) const {
  std::vector<Row> rows;
  rows.reserve(static_cast<std::size_t>(indices.numel()));
  for (std::int64_t i = 0; i < indices.numel(); ++i) rows.push_back(get_row(indices.const_data_ptr<std::int64_t>()[i]));
  return rows;
}

TensorDataset::TensorDataset(Batch columns) : columns_(std::move(columns)), rows_(columns_.rows()) {
  for (const auto& [name, tensor] : columns_)
    if (tensor.dim() == 0 || tensor.size(0) != rows_)
      throw_usage(error_id::data_invalid, "TensorDataset: \"" + name + "\" has " +
                                              std::to_string(tensor.dim() == 0 ? 0 : tensor.size(0)) +
                                              " rows, but the first tensor has " + std::to_string(rows_) +
                                              "; give tensors with the same first dimension");
}

TensorDataset::TensorDataset(at::Tensor features, at::Tensor labels)
    : TensorDataset(Batch{{"features", std::move(features)}, {"labels", std::move(labels)}}) {}

Batch TensorDataset::get_batch(const at::Tensor& indices) const {
  Batch batch;
  for (const auto& [name, tensor] : columns_) batch.set(name, tensor.index_select(0, indices));
  return batch;
}

}  // namespace trainer
