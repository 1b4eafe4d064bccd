// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace trainer {

/// The name that a row's column has in a batch: labels have one, as the collators of transformers name them.
inline const std::string& name_in_batch(const std::string& name) {
  static const std::string labels = "labels";
  return name == "label" || name == "label_ids" ? labels : name;
}

}  // namespace trainer
