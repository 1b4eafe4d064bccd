// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "trainer/column_dataset.hpp"

namespace trainer {

/// The tensors of a safetensors file, as libtrainer.save_dataset() writes them.
class SafetensorsDataset : public ColumnDataset {
 public:
  explicit SafetensorsDataset(const std::filesystem::path& file, const std::vector<std::string>& columns = {},
                              std::uint64_t in_memory = default_in_memory);
};

}  // namespace trainer
