// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "trainer/class_names.hpp"
#include "trainer/trainer.hpp"

namespace trainer::command {

/// What the outputs of a model stand for.
struct Outputs {
  enum class Kind { numbers, classes, binary } kind = Kind::numbers;  ///< binary: each says yes or no
  ClassNames classes;              ///< by output; of a binary kind no and yes of the only one; none: not known
  std::vector<std::string> names;  ///< of targets, by output; none: not known
  bool probabilities = false;      ///< are written, too
};

/// Names of the rows: texts, or a tensor with the rows first; neither without a name.
struct RowIds {
  std::string name;
  std::vector<std::string> texts = {};
  at::Tensor values = {};
};

/// Predictions [N] or [N, C] as CSV: `prediction`, with classes `logit_CLASS` of each and `probability_CLASS` where
/// they are asked for, `label` where the data has labels; the ids first.
std::string prediction_table(const PredictionOutput& result, const Outputs& outputs, const RowIds& ids);

/// The ids have a name that another column or tensor has.
[[noreturn]] void refuse_id_name(const std::string& name);

}  // namespace trainer::command
