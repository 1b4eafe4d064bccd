// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace trainer::command {

std::string type_text(at::ScalarType type, at::IntArrayRef shape);  ///< "float32 [64]"

/// What columns of tensors, or a stream of rows, look like to somebody who has to say in a run file what they are for.
struct ColumnSurvey {
  struct Column {
    std::string name;
    at::ScalarType type = at::kFloat;
    std::vector<std::int64_t> shape;  ///< of the first row
    bool ragged = false;              ///< rows differ in length
  };

  std::vector<Column> columns;
  std::int64_t rows = 0;  ///< of a stream those that were looked at
  bool stream = false;
  std::int64_t most_label = -1;  ///< the greatest of "labels" that are whole numbers, one a row

  const Column* find(const std::string& name) const;
  std::string text() const;  ///< "1437 rows: features float32 [64]; labels int64"
};

/// Of a file, or a folder, that is no CSV file; of a stream the first thousand rows. An Error as reading it gives, and
/// for a pipe, whose rows come once.
ColumnSurvey survey_columns(const std::filesystem::path& data);

}  // namespace trainer::command
