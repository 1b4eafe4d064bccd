// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

/// What a `.npy` file of NumPy says of its array, without LibTorch.
namespace trainer::npy {

struct Type {
  std::string_view code;  ///< in the file, behind the byte order
  const char* name;       ///< in NumPy and torch
  std::uint64_t bytes;    ///< of one element
};

constexpr std::array<Type, 9> types{{{"b1", "bool", 1},
                                     {"u1", "uint8", 1},
                                     {"i1", "int8", 1},
                                     {"i2", "int16", 2},
                                     {"i4", "int32", 4},
                                     {"i8", "int64", 8},
                                     {"f2", "float16", 2},
                                     {"f4", "float32", 4},
                                     {"f8", "float64", 8}}};

struct Header {
  std::size_t type = 0;  ///< index in `types`
  std::vector<std::int64_t> shape;
  std::uint64_t begin = 0;  ///< byte of the file where the numbers are, row by row, to its end
};

/// The bytes that header_end() looks at, if the file has so many.
constexpr std::uint64_t start_size = 12;

/// Where the header of a file of `file_size` bytes ends, by its start.
std::uint64_t header_end(std::string_view start, std::uint64_t file_size, const std::string& where);

/// The header of formats 1.0 to 3.0; `start` has at least the bytes up to its end. The file is not trusted: a usage
/// Error data.invalid that starts with `where` says what is wrong, or what cannot be read here (big endian numbers,
/// Fortran order of several dimensions, objects, texts, records).
Header read_header(std::string_view start, std::uint64_t file_size, const std::string& where);

}  // namespace trainer::npy
