// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

namespace trainer::command {

/// What a CSV file looks like to somebody who has to say in a run file how it is to be read.
struct CsvSurvey {
  struct Column {
    std::string name;
    bool numbers = true, whole = true;  ///< all cells that have a value
    bool missing = false;               ///< some have none
    bool empty = true;                  ///< all have none
  };

  std::vector<Column> columns;
  std::int64_t rows = 0;
  bool decimal_comma = false;
  std::size_t target = 0;        ///< the column that is called label, target or the like, or the last one
  std::set<std::string> labels;  ///< its values, each once
  bool classes = true;           ///< they are classes, and no quantity
  bool guessed = false;          ///< and might be the other

  /// Whether a column is a feature: its cells are numbers, and do not number the rows.
  bool is_feature(std::size_t column) const;
  std::vector<std::string> drop() const;  ///< the columns that are neither feature nor target
  std::int64_t features() const;
  bool missing() const;  ///< in a feature
};

/// Of a whole file; an Error as reading it for a training gives.
CsvSurvey survey_csv(const std::filesystem::path& file);

}  // namespace trainer::command
