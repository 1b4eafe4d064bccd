// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>

namespace trainer {

/// An Error that says so when a label is no class from 0 to `classes` - 1 and not `ignored`; `who` begins its sentence.
void refuse_class_out_of_range(const std::string& who, const at::Tensor& labels, std::int64_t classes,
                               std::int64_t ignored);

/// Calls `loss`, which looks at labels that are classes. Only what it throws makes them be looked at.
template <typename Loss>
at::Tensor with_class_labels(const std::string& who, const at::Tensor& labels, std::int64_t classes,
                             std::int64_t ignored, Loss&& loss) {
  try {
    return loss();
  } catch (const c10::Error&) {
    if (labels.is_cpu()) refuse_class_out_of_range(who, labels, classes, ignored);
    throw;
  }
}

}  // namespace trainer
