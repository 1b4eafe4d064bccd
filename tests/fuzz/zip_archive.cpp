// SPDX-License-Identifier: Apache-2.0
//
// A zip archive: what its directory says lies within the file, and what is unpacked is no more than it allows.
#include "formats/zip_archive.hpp"

#include <stdexcept>

#include "fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const fuzz::File file(fuzz::text(data, size));
  try {
    const trainer::ZipArchive archive(file.path());
    fuzz::require(archive.size() == size, "the size of the file");
    std::uint64_t unpacked = 0;
    for (const auto& [name, member] : archive.members()) {
      fuzz::require(member.begin <= size && member.stored <= size - member.begin, "a range of the file");
      fuzz::require(member.deflated || member.size == member.stored, "one size");
      unpacked += member.size;
    }
    fuzz::require(unpacked <= 64 * size + (1 << 20), "a bound for what is unpacked");
    for (const auto& [name, member] : archive.members()) {
      std::string bytes(member.size, '\0');
      try {
        archive.read_checked(name, member, bytes.data());
      } catch (const std::runtime_error&) {
      }
    }
    archive.check();
  } catch (const std::runtime_error&) {  // an Error is one
  }
  return 0;
}
