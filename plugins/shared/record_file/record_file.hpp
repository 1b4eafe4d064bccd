// SPDX-License-Identifier: Apache-2.0
//
// The log framing of LevelDB as W&B and SwanLab use it: a header of a few bytes, then blocks of
// 32 KiB counted from the start of the file; a record is cut into fragments at block borders, and
// each fragment carries its CRC-32 (plain IEEE, over the type byte and the data), length and type.
#pragma once

#include <filesystem>
#include <initializer_list>
#include <string>
#include <string_view>
#include <trainer/sdk/file.hpp>

namespace trainer::plugins {

/// A file of records, each appended whole with one write: a reader sees whole records at every
/// moment, and a killed process loses none. One thread at a time.
class RecordFile {
 public:
  static constexpr std::size_t block_size = 32768;

  /// A new file that begins with `header`; FileError with code() EEXIST when there is one.
  RecordFile(const std::filesystem::path& path, std::string_view header);

  /// All of them with one write; on a FileError the file ends as before.
  void append(std::initializer_list<std::string_view> records);
  void append(std::string_view record) { append({record}); }

  void sync() { file_.sync(); }
  /// Throw sdk::FileError when the system says late that something could not be written.
  void flush() const { file_.flush(); }
  void close() { file_.close(); }
  const std::filesystem::path& path() const { return file_.path(); }

  /// The bytes of a record that begins at `offset` of a file.
  static void frame(std::string& out, std::uint64_t offset, std::string_view record);

 private:
  sdk::AppendFile file_;
  std::string buffer_;  // keeps its memory
};

}  // namespace trainer::plugins
