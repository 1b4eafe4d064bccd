// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace trainer {

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
  std::vector<std::string> needed;    ///< libraries that it is linked with (DT_NEEDED), in order
  std::vector<Version> versions;      ///< of their symbols' versions, those that it needs
};

/// Reads `path` and checks that the loader will not trip over it: a regular file, for this machine,
/// a shared library, and whole. The last matters most: loading a library that was cut short maps
/// pages that are not there, and touching them kills the process with SIGBUS. Else a usage Error.
/// A symbolic link is refused too, unless TRAINER_PLUGIN_TRUST is "any".
ElfFile read_elf_file(const std::filesystem::path& path);

/// The same of a private copy; `name` stands in sentences for it.
ElfFile read_elf_file(const std::filesystem::path& path, const std::string& name);

}  // namespace trainer
