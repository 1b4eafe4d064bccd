// SPDX-License-Identifier: Apache-2.0
//
// A file in a plugin directory: the ELF reader and the note in it.
#include "discovery/elf_file.hpp"
#include "fuzz.hpp"
#include "trainer/error.hpp"
#include "trainer/plugin_note.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const fuzz::File file(fuzz::text(data, size));
  try {
    const auto elf = trainer::read_elf_file(file.path(), "plugin.so");
    fuzz::require(elf.size == size, "the size of the file");
    if (elf.note) trainer::parse_plugin_note(*elf.note, "plugin.so");
  } catch (const trainer::Error&) {
  }
  return 0;
}
