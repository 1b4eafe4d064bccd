// SPDX-License-Identifier: Apache-2.0
//
// A whole safetensors file: what its header says of the tensors lies within it, one after the other.
#include "formats/safetensors_header.hpp"
#include "fuzz.hpp"
#include "trainer/error.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace trainer::safetensors;
  try {
    std::uint64_t at = 0;
    for (const Entry& entry : read_header(fuzz::text(data, size), size, "file")) {
      fuzz::require(at == 0 || entry.begin == at, "no gap and no overlap");
      fuzz::require(entry.begin >= 8 && entry.begin <= entry.end && entry.end <= size, "a range of the file");
      std::uint64_t bytes = types[entry.type].bytes;
      for (const std::int64_t length : entry.shape) bytes *= static_cast<std::uint64_t>(length);
      fuzz::require(bytes == entry.end - entry.begin, "as many bytes as the shape says");
      at = entry.end;
    }
    fuzz::require(at == 0 || at == size, "to the end of the file");
  } catch (const trainer::Error&) {
  }
  return 0;
}
