// SPDX-License-Identifier: Apache-2.0
//
// Windows' library format, as Microsoft's "PE Format" has it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace trainer::pe {

enum : std::uint64_t { dos_header_size = 64, dos_new_header_at = 60 };

struct FileHeader {
  char magic[4];  // "PE\0\0"
  std::uint16_t machine, sections;
  std::uint32_t time, symbols_at, symbols;
  std::uint16_t optional_size, flags;
};
enum : std::uint16_t { machine_i386 = 0x14c, machine_arm = 0x1c4, machine_x86_64 = 0x8664, machine_arm64 = 0xaa64 };
enum : std::uint16_t { relocations_stripped = 0x0001, executable_image = 0x0002, is_library = 0x2000 };

struct OptionalHeader {  // of 64 bit, up to the directories
  std::uint16_t magic;
  std::uint8_t linker_major, linker_minor;
  std::uint32_t code_size, data_size, bss_size, entry_point, code_base;
  std::uint64_t image_base;
  std::uint32_t section_alignment, file_alignment;
  std::uint16_t versions[6];
  std::uint32_t reserved, image_size, headers_size, checksum;
  std::uint16_t subsystem, library_flags;
  std::uint64_t stack_reserve, stack_commit, heap_reserve, heap_commit;
  std::uint32_t loader_flags, directories;
};
enum : std::uint16_t { optional_magic_64 = 0x20b, subsystem_window = 2, subsystem_console = 3 };

struct Directory {
  std::uint32_t address, size;
};
enum : std::size_t {
  export_table = 0,
  import_table = 1,
  certificates = 4,  // the only one whose address is an offset in the file
  base_relocations = 5,
  thread_storage = 9,
  delayed_imports = 13,
  managed_code = 14,
  most_directories = 16
};

struct Section {
  char name[8];
  std::uint32_t memory_size, address, file_size, file_offset, relocations_at, lines_at;
  std::uint16_t relocations, lines;
  std::uint32_t flags;
};
enum : std::uint32_t { section_executable = 0x20000000, section_writable = 0x80000000 };

struct Exports {
  std::uint32_t flags, time, version, name, first_ordinal, functions, names, functions_at, names_at, ordinals_at;
};
struct Import {  // the last of a list is zeros
  std::uint32_t names_at, time, forwarders, library, addresses_at;
};
struct DelayedImport {
  std::uint32_t flags, library, handle_at, addresses_at, names_at, bound_at, unload_at, time;
};
struct ThreadStorage {  // addresses here are those of the image at its base
  std::uint64_t begin, end, index_at, callbacks_at;
  std::uint32_t zeros, flags;
};
struct RelocationBlock {
  std::uint32_t page, size;
};

static_assert(sizeof(FileHeader) == 24 && sizeof(OptionalHeader) == 112 && sizeof(Section) == 40);
static_assert(sizeof(Exports) == 40 && sizeof(Import) == 20 && sizeof(DelayedImport) == 32);
static_assert(sizeof(ThreadStorage) == 40 && sizeof(RelocationBlock) == 8 && sizeof(Directory) == 8);

}  // namespace trainer::pe
