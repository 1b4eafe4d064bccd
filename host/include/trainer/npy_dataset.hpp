// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "trainer/column_dataset.hpp"

namespace trainer {

/// A folder of arrays that numpy.save() wrote, each a column: "input_ids.npy" [N, T], "labels.npy" [N] ... Format 1.0
/// to 3.0, numbers of a type that torch has, little endian, row by row. Those that are not asked for are not opened.
class NpyDataset : public ColumnDataset {
 public:
  explicit NpyDataset(const std::filesystem::path& folder, const std::vector<std::string>& columns = {},
                      std::uint64_t in_memory = default_in_memory);
};

}  // namespace trainer
