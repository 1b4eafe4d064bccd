// SPDX-License-Identifier: Apache-2.0
//
// What the file says, and whether what is loaded says the same.
#include <trainer/sdk/testing/fake_plugin.hpp>

#include "discovery/input_file.hpp"
#include "discovery/library_file.hpp"
#include "loading/plugin_library.hpp"
#include "validator/catalogue.hpp"

namespace trainer::validator {
namespace {

// The reading is done when there is a Subject.
void readable(Subject&) {}

void one_symbol(Subject& subject) {
  const LibraryFile library = read_library_file(InputFile(subject.file().path));
  if (library.symbols.size() == 1 && library.symbols[0].name == TRAINER_ENTRY_NAME && library.symbols[0].function)
    return;
  std::string names;
  for (const auto& symbol : library.symbols) {
    if (names.size() > 400) {
      names += " ...";
      break;
    }
    names += " " + symbol.name;
  }
  throw Failure("it exports " + std::to_string(library.symbols.size()) + " symbols:" + names +
                "; expected the function " TRAINER_ENTRY_NAME " alone: build it with trainer_add_plugin()");
}

void binds_now(Subject& subject) {
  try {
    const std::string file = subject.file().path.string();
    const trainer_plugin& plugin = sdk::testing::load_plugin(file);
    if (&plugin != &sdk::testing::load_plugin(file))
      throw Failure(TRAINER_ENTRY_NAME " gave another table the second time, expected the same");
  } catch (const Failure&) {
    throw;
  } catch (const std::exception& e) {
    throw Failure(std::string("it does not load with every symbol bound: ") + e.what());
  }
}

void note_equals_table(Subject& subject) {
  const trainer_plugin& plugin = subject.plugin();
  if (plugin.abi_major != subject.file().note.abi_major || plugin.abi_minor != subject.file().note.abi_minor)
    throw Failure("its table and its note name different ABI versions");
}

}  // namespace

Entries file_tests() {
  return {
      {{"file.read", "is a plugin for this host: whole, for this machine and ABI, with a note", 10}, readable},
      {{"file.one-symbol", "exports the entry and nothing else", 10}, one_symbol},
      {{"load.bind-now", "loads with every symbol bound, twice", 20}, binds_now},
      {{"load.note", "the table agrees with the note in the file", 20}, note_equals_table},
  };
}

}  // namespace trainer::validator
