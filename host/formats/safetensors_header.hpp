// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "formats/file_role.hpp"

/// What a safetensors file says of its tensors, without LibTorch.
namespace trainer::safetensors {

struct Type {
  const char* name;     ///< in the file
  std::uint64_t bytes;  ///< of one element
};

/// In the order by which the safetensors package sorts tensors before it looks at names; the last
/// type comes first in a file.
constexpr std::array<Type, 10> types{{{"BOOL", 1},
                                      {"U8", 1},
                                      {"I8", 1},
                                      {"I16", 2},
                                      {"F16", 2},
                                      {"BF16", 2},
                                      {"I32", 4},
                                      {"F32", 4},
                                      {"F64", 8},
                                      {"I64", 8}}};

std::string type_names();

/// Bytes; the package refuses longer headers.
constexpr std::uint64_t max_header = 100'000'000;

struct Entry {
  std::string name;
  std::size_t type;  ///< index in `types`
  std::vector<std::int64_t> shape;
  std::uint64_t begin, end;  ///< bytes of the file
};

/// Where the header of a file ends, by its first 8 bytes, or fewer if it has no more.
std::uint64_t header_end(std::string_view first, std::uint64_t file_size, const std::string& where,
                         const FileRole& role = of_checkpoint);

/// The tensors of a file of `file_size` bytes, in the order of their data; `start` has at least those up to the
/// header's end. The file is not trusted: lengths, offsets (no gap, no overlap), shapes and types are checked, and an
/// Error of its role that starts with `where` says what is wrong. Each range lies within the file.
std::vector<Entry> read_header(std::string_view start, std::uint64_t file_size, const std::string& where,
                               const FileRole& role = of_checkpoint);

}  // namespace trainer::safetensors
