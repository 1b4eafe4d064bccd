// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

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

/// Named tensors of one row, without the dimension of the rows: {"features": [F], "labels": []}.
using Row = Batch;

}  // namespace trainer
