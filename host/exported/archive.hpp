// SPDX-License-Identifier: Apache-2.0
//
// The zip archive that torch.export.save writes.
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "formats/zip_archive.hpp"
#include "trainer/json.hpp"

namespace trainer::exported {

/// Opened, and seen to be an exported program; what is read of it is compared with its checksum. Names of entries are
/// looked up in the archive and nowhere else. Not trusted: Errors say what is wrong.
class Archive {
 public:
  explicit Archive(const std::filesystem::path& path);

  const std::string& file() const { return file_; }  ///< for sentences
  bool has(std::string_view entry) const { return find(entry) != nullptr; }
  std::string text(std::string_view entry) const;
  json::value json(std::string_view entry) const;
  /// An entry's bytes as a new tensor of numbers, [N], on the CPU.
  at::Tensor numbers(std::string_view entry, at::ScalarType type) const;
  /// CRC-32 of an entry's bytes, where the archive has them.
  std::optional<std::uint32_t> checksum(std::string_view entry) const;
  /// Of "models/NAME.json": "model" if it is there, else the first.
  const std::string& model() const { return model_; }

 private:
  const ZipArchive::Member* find(std::string_view entry) const;
  const ZipArchive::Member& require(std::string_view entry) const;
  void read(std::string_view entry, const ZipArchive::Member& member, void* to) const;
  void identify();

  std::string file_;
  ZipArchive zip_;
  std::string root_;  // the folder of all entries, with its slash
  std::string model_;
};

}  // namespace trainer::exported
