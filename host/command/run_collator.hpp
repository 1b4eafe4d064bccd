// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "trainer/column_dataset.hpp"
#include "trainer/data_collator.hpp"
#include "trainer/run_file.hpp"

namespace trainer::command {

/// `data.collate` of a run file, for a model that takes these columns of the data.
class RunCollator {
 public:
  RunCollator(const RunFile& run, const std::vector<std::string>& taken);

  /// Null without `data.collate`: rows are stacked.
  DataCollator collator() const;
  /// Whether the data may lack a column, since it is made: the attention mask.
  bool makes(const std::string& column) const;
  /// Refuses columns that do not make batches, whichever rows come together; gives the batch of the first row.
  Batch check(const ColumnDataset& set, const std::filesystem::path& file) const;

 private:
  std::optional<DataCollatorWithPadding> padding_;
  std::string where_;
};

}  // namespace trainer::command
