// SPDX-License-Identifier: Apache-2.0
//
// A file in a plugin directory: the readers of both systems' formats, and the note in it.
#include "discovery/input_file.hpp"
#include "discovery/library_file.hpp"
#include "fuzz.hpp"
#include "trainer/error.hpp"
#include "trainer/plugin_note.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const fuzz::File file(fuzz::text(data, size));
  try {
    const auto library = trainer::read_any_library_file(trainer::InputFile(file.path(), "plugin"));
    fuzz::require(library.size == size, "the size of the file");
    if (library.note) trainer::parse_plugin_note(*library.note, "plugin");
  } catch (const trainer::Error&) {
  }
  return 0;
}
