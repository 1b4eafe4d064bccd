// SPDX-License-Identifier: Apache-2.0
//
// A whole `.npy` file: what its header says of the numbers fills the rest of it.
#include "formats/npy_header.hpp"
#include "fuzz.hpp"
#include "trainer/error.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace trainer::npy;
  try {
    const Header header = read_header(fuzz::text(data, size), size, "file");
    std::uint64_t bytes = types[header.type].bytes;
    for (const std::int64_t length : header.shape) bytes *= static_cast<std::uint64_t>(length);
    fuzz::require(header.begin <= size && bytes == size - header.begin, "as many bytes as the shape says");
  } catch (const trainer::Error&) {
  }
  return 0;
}
