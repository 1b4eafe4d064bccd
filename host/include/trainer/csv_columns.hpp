// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "trainer/class_names.hpp"

namespace trainer {

enum class Labels {
  regression,      ///< float32, [N, 1], or [N, T] of several targets
  classification,  ///< int64, [N], the class's place in CsvColumns::classes, or CsvOptions::ignore_index
};

/// How a file is read.
struct CsvOptions {
  std::string target = {};                ///< the column that becomes "labels"
  std::vector<std::string> targets = {};  ///< of a regression instead: several columns, in the order of its outputs
  Labels labels = Labels::classification;
  /// Outputs of the model, one a class. Labels that are whole numbers below it are classes as they stand; of any
  /// others there must be as many. 0: as many as the file has.
  std::int64_t classes = 0;
  std::int64_t ignore_index = -100;    ///< a cell, and the label of its row, that losses and metrics ignore
  std::int64_t features = 0;           ///< inputs of the model; 0: as many as the file has
  std::vector<std::string> drop = {};  ///< columns that are neither
  std::string id = {};                 ///< one that is neither and names the rows, if the file has it
  enum class Missing { error, number, mean } missing = Missing::error;  ///< what stands for a cell without a value
  double missing_number = 0;
  char separator = 0;  ///< 0: a comma, semicolon, tab or bar, whichever the header is made with
  char decimal = '.';
  bool labels_optional = false;  ///< without the target's column, or with a label that cannot be read: no "labels"
};

/// What a training file says of all files of its model. Checkpoints keep it, as "data" of training_args.json.
struct CsvColumns {
  std::vector<std::string> features;  ///< in the order of the model's inputs; none: those of the file, in its order
  std::vector<double> missing;        ///< what stands for a missing cell of each; empty: there must be none
  ClassNames classes;                 ///< in the order of its outputs; none with Labels::regression

  json::object to_json() const;
  /// Those that a directory with a model keeps; nothing when it was written without.
  static std::optional<CsvColumns> of_checkpoint(const std::filesystem::path& directory);
};

}  // namespace trainer
