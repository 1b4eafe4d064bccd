// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "formats/file_reader.hpp"

namespace trainer {

/// A zip archive that is not trusted: its directory is read once, and what it says lies within the file. Members are
/// stored or deflated, and may have 64-bit sizes (APPNOTE.TXT). Errors are std::runtime_error with what is wrong.
class ZipArchive {
 public:
  struct Member {
    std::uint64_t begin = 0, stored = 0;  ///< where its bytes are in the file, and how many
    std::uint64_t size = 0;               ///< unpacked
    std::uint32_t crc = 0;
    bool deflated = false;
  };

  explicit ZipArchive(const std::filesystem::path& path);
  const std::map<std::string, Member, std::less<>>& members() const { return members_; }
  std::uint64_t size() const { return file_.size(); }  ///< bytes of the file
  /// The member's `size` bytes.
  void read(const Member& member, void* to) const;
  /// Compares every member with its CRC-32, in an archive that has them: torch.save can leave them out, and then all
  /// are 0.
  void check() const;
  /// read(), and the member's own check.
  void read_checked(const std::string& name, const Member& member, void* to) const;
  bool has_checksums() const;

 private:
  std::uint64_t find_directory(std::uint64_t& count, std::uint64_t& size) const;
  void locate(Member& member, const std::string& name, std::uint64_t header) const;

  FileReader file_;
  std::map<std::string, Member, std::less<>> members_;
};

}  // namespace trainer
