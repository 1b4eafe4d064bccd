// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <string>
#include <vector>

#include "formats/file_reader.hpp"
#include "formats/safetensors_types.hpp"

namespace trainer {

/// A safetensors file whose header was read and checked; its tensors are read as they are asked for.
class SafetensorsFile {
 public:
  explicit SafetensorsFile(const std::filesystem::path& path, const FileRole& role = of_checkpoint);
  const std::string& name() const { return file_.name(); }  ///< for sentences
  const std::vector<safetensors::Entry>& entries() const { return entries_; }

  /// The entry's data, into a tensor of its shape; of its type, contiguous and on the CPU it needs no copy.
  void read(const safetensors::Entry& entry, at::Tensor& to) const;
  at::Tensor read(const safetensors::Entry& entry) const;  ///< a new one
  /// Rows from `first` on, which are there, into a contiguous tensor of that type on the CPU, as many as it has.
  void read_rows(const safetensors::Entry& entry, std::int64_t first, at::Tensor& to) const;

 private:
  void read_bytes(const safetensors::Entry& entry, std::uint64_t begin, at::Tensor& to) const;

  FileReader file_;
  std::vector<safetensors::Entry> entries_;
};

}  // namespace trainer
