// SPDX-License-Identifier: Apache-2.0
#include "trainer/dataset.hpp"

#include <ATen/ATen.h>

#include "trainer/error.hpp"

namespace trainer {

const at::Tensor& Batch::operator[](std::string_view name) const {
  static const at::Tensor undefined;
  for (const auto& [key, tensor] : tensors_)
    if (key == name) return tensor;
  return undefined;
}

void Batch::set(std::string_view name, at::Tensor tensor) {
  for (auto& [key, present] : tensors_)
    if (key == name) {
      present = std::move(tensor);
      return;
    }
  tensors_.emplace_back(name, std::move(tensor));
}

void Batch::erase(std::string_view name) {
  std::erase_if(tensors_, [&](const auto& entry) { return entry.first == name; });
}

std::int64_t Batch::rows() const {
  return tensors_.empty() || tensors_[0].second.dim() == 0 ? 0 : tensors_[0].second.size(0);
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
