// SPDX-License-Identifier: Apache-2.0
//
// What the readers of the formats have in common: pieces of a file that lie in it, and sentences about those that do
// not.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "discovery/input_file.hpp"
#include "trainer/error.hpp"

namespace trainer {

/// A usage Error for a file that is larger than a plugin, or a library of one, may be.
void require_library_size(const InputFile& file);

class LibraryReader {
 protected:
  // No real plugin comes near: LibTorch's largest library has half of the first, and a table of names
  // of a quarter of the second.
  static constexpr std::uint64_t max_library_size = std::uint64_t{1} << 30;
  static constexpr std::uint64_t max_table_size = std::uint64_t{1} << 26;
  static constexpr std::uint64_t max_note_size = std::uint64_t{1} << 20;

  explicit LibraryReader(const InputFile& file) : file_(file) {}

  [[noreturn]] void refuse(ErrorId id, const std::string& rest) const;
  [[noreturn]] void damaged(const std::string& rest) const;
  /// For a file that has not even the `least` bytes of its format's first header.
  [[noreturn]] void too_short(std::size_t least) const;
  [[noreturn]] void wrong_machine(const std::string& found, const std::string& expected) const;

  void require_inside(std::uint64_t offset, std::uint64_t count, std::string_view what) const;
  /// The bytes [offset, offset + count), which must lie in the file.
  std::string piece(std::uint64_t offset, std::uint64_t count, std::string_view what) const;
  /// All texts of a file together have a limit, because a million entries may point at one text of a megabyte.
  void count_text(std::size_t size);

  template <typename T>
  static T as(std::string_view bytes, std::uint64_t offset = 0) {
    T object;
    std::memcpy(&object, bytes.data() + offset, sizeof object);
    return object;
  }
  template <typename T>
  static std::vector<T> table_of(std::string_view bytes) {
    std::vector<T> table(bytes.size() / sizeof(T));
    if (!table.empty()) std::memcpy(table.data(), bytes.data(), table.size() * sizeof(T));
    return table;
  }

  const InputFile& file_;

 private:
  std::uint64_t text_left_ = 2 * max_table_size;
  friend void require_library_size(const InputFile& file);
};

}  // namespace trainer
