// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace trainer {

/// The systems that plugins are made for have a format each.
enum class LibraryFormat {
  elf,  ///< Linux
  pe,   ///< Windows
};
#if defined(_WIN32)
inline constexpr LibraryFormat this_format = LibraryFormat::pe;
#else
inline constexpr LibraryFormat this_format = LibraryFormat::elf;
#endif

/// Where a plugin's note is: TRAINER_NOTE_SECTION of its system.
inline std::string_view note_section(LibraryFormat format) {
  return format == LibraryFormat::pe ? ".trainer" : ".trainer_note";
}

/// What can be known of a shared library without running it. Nothing of it is mapped: the file is
/// read piece by piece, and every number in it is checked before it is used.
struct LibraryFile {
  struct Symbol {
    std::string name;  ///< as in the file, mangled; of Windows' numbers without a name "#7"
    bool function;
  };
  struct Version {
    std::string library;  ///< "libc.so.6"
    std::string name;     ///< "GLIBC_2.34"
  };
  LibraryFormat format = this_format;
  std::uint64_t size = 0;
  std::optional<std::string> note;    ///< content of the section note_section()
  std::vector<Symbol> symbols;        ///< the ones that it defines for others
  std::vector<std::string> run_path;  ///< where its libraries are looked for first: DT_RUNPATH, DT_RPATH, beside it
  bool run_path_for_all = false;      ///< and those of these (DT_RPATH)
  std::vector<std::string> needed;    ///< libraries that it is linked with or filters, in order
  std::string soname;                 ///< what others call it (DT_SONAME), or empty
  std::vector<Version> versions;      ///< of their symbols' versions, those that it needs

  /// Which has this machine's processor in any case.
  std::string_view system() const { return format == LibraryFormat::pe ? "Windows" : "Linux"; }
};

}  // namespace trainer
