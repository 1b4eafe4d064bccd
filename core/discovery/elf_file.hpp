// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace trainer {

class InputFile;

/// What can be known of a shared library without running it. Nothing of it is mapped: the file is
/// read piece by piece, and every number in it is checked before it is used.
struct ElfFile {
  struct Symbol {
    std::string name;  ///< as in the file, mangled
    bool function;
  };
  struct Version {
    std::string library;  ///< "libc.so.6"
    std::string name;     ///< "GLIBC_2.34"
  };
  std::uint64_t size = 0;
  std::optional<std::string> note;    ///< content of the section TRAINER_NOTE_SECTION
  std::vector<Symbol> symbols;        ///< the ones that it defines for others
  std::vector<std::string> run_path;  ///< where the loader looks for these first (DT_RUNPATH or DT_RPATH)
  bool run_path_for_all = false;      ///< and for what these need (DT_RPATH)
  std::vector<std::string> needed;    ///< libraries that it is linked with or filters, in order
  std::string soname;                 ///< what others call it (DT_SONAME), or empty
  std::vector<Version> versions;      ///< of their symbols' versions, those that it needs
};

/// Reads the file and checks that the loader will not trip over it: for this machine, a shared library, and
/// whole. The last matters most: loading a library that was cut short maps pages that are not there, and
/// touching them kills the process with SIGBUS. Else a usage Error.
ElfFile read_elf_file(const InputFile& file);

/// The same of a private copy; `name` stands in sentences for it.
ElfFile read_elf_file(const std::filesystem::path& path, const std::string& name);

/// A usage Error for a file that is larger than a plugin, or a library of one, may be.
void require_library_size(const InputFile& file);

}  // namespace trainer
