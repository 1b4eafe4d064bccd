// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "data/csv_text.hpp"
#include "trainer/csv_columns.hpp"

namespace trainer {

/// Which column of a file is what, by its line of names.
struct CsvHeader {
  static constexpr int unused = -1, id = -2, target = -3;
  std::vector<std::string> names;
  std::vector<int> roles;  ///< for each name: the number of a feature, or one of these; target - 1 is a second target
  std::vector<std::string> features;
  bool labelled = false;
};

/// Of the record that `text` stands at. `known` is null for a training file.
CsvHeader read_header(const CsvText& text, const CsvOptions& options, const CsvColumns* known);

}  // namespace trainer
