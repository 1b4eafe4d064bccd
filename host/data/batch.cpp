// SPDX-License-Identifier: Apache-2.0
#include <cstdint>

#include "trainer/batch.hpp"

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

}  // namespace trainer
