// SPDX-License-Identifier: Apache-2.0
#include "model/class_labels.hpp"

#include <ATen/ATen.h>

#include "trainer/error.hpp"

namespace trainer {

void refuse_class_out_of_range(const std::string& who, const at::Tensor& labels, std::int64_t classes,
                               std::int64_t ignored) {
  if (labels.is_floating_point()) return;
  const auto wrong =
      labels.masked_select(labels.ne(ignored).logical_and_(labels.lt(0).logical_or_(labels.ge(classes))));
  if (wrong.numel() == 0) return;
  throw_usage(error_id::data_invalid,
              who + ": a label is " + std::to_string(wrong[0].item<std::int64_t>()) + ", expected a class from 0 to " +
                  std::to_string(classes - 1) + ", or " + std::to_string(ignored) +
                  " for one that does not count; correct the labels, or give the model more outputs");
}

}  // namespace trainer
