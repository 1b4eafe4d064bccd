// SPDX-License-Identifier: Apache-2.0
//
// Linux's library format, as <elf.h> has it; by numbers of our own, for systems without that header.
#pragma once

#include <cstddef>
#include <cstdint>

namespace trainer::elf {

struct Elf64_Ehdr {
  unsigned char e_ident[16];
  std::uint16_t e_type, e_machine;
  std::uint32_t e_version;
  std::uint64_t e_entry, e_phoff, e_shoff;
  std::uint32_t e_flags;
  std::uint16_t e_ehsize, e_phentsize, e_phnum, e_shentsize, e_shnum, e_shstrndx;
};
struct Elf64_Phdr {
  std::uint32_t p_type, p_flags;
  std::uint64_t p_offset, p_vaddr, p_paddr, p_filesz, p_memsz, p_align;
};
struct Elf64_Shdr {
  std::uint32_t sh_name, sh_type;
  std::uint64_t sh_flags, sh_addr, sh_offset, sh_size;
  std::uint32_t sh_link, sh_info;
  std::uint64_t sh_addralign, sh_entsize;
};
struct Elf64_Sym {
  std::uint32_t st_name;
  unsigned char st_info, st_other;
  std::uint16_t st_shndx;
  std::uint64_t st_value, st_size;
};
struct Elf64_Dyn {
  std::int64_t d_tag;
  std::uint64_t d_val;
};
struct Elf64_Verneed {
  std::uint16_t vn_version, vn_cnt;
  std::uint32_t vn_file, vn_aux, vn_next;
};
struct Elf64_Vernaux {
  std::uint32_t vna_hash;
  std::uint16_t vna_flags, vna_other;
  std::uint32_t vna_name, vna_next;
};
static_assert(sizeof(Elf64_Ehdr) == 64 && sizeof(Elf64_Phdr) == 56 && sizeof(Elf64_Shdr) == 64);
static_assert(sizeof(Elf64_Sym) == 24 && sizeof(Elf64_Dyn) == 16);
static_assert(sizeof(Elf64_Verneed) == 16 && sizeof(Elf64_Vernaux) == 16);

enum : std::size_t { EI_CLASS = 4, EI_DATA = 5, EI_VERSION = 6 };
enum : unsigned char { ELFCLASS32 = 1, ELFCLASS64 = 2, ELFDATA2LSB = 1, ELFDATA2MSB = 2, EV_CURRENT = 1 };
enum : unsigned { ET_REL = 1, ET_EXEC = 2, ET_DYN = 3, ET_CORE = 4 };
enum : unsigned {
  EM_386 = 3,
  EM_MIPS = 8,
  EM_PPC64 = 21,
  EM_S390 = 22,
  EM_ARM = 40,
  EM_X86_64 = 62,
  EM_AARCH64 = 183,
  EM_RISCV = 243,
  EM_LOONGARCH = 258
};
enum : std::uint32_t {
  PT_NULL = 0,
  PT_LOAD = 1,
  PT_DYNAMIC = 2,
  PT_GNU_STACK = 0x6474e551,
  PF_X = 1,
  PN_XNUM = 0xffff
};
enum : std::uint32_t { SHT_NOBITS = 8, SHT_DYNSYM = 11, SHT_GNU_verneed = 0x6ffffffe };
enum : std::uint64_t { SHF_COMPRESSED = 1 << 11, DF_TEXTREL = 4 };
enum : std::uint16_t { SHN_UNDEF = 0, SHN_XINDEX = 0xffff };
enum : unsigned { STB_LOCAL = 0, STT_FUNC = 2, STT_GNU_IFUNC = 10 };
enum : std::int64_t {
  DT_NULL = 0,
  DT_NEEDED = 1,
  DT_STRTAB = 5,
  DT_STRSZ = 10,
  DT_SONAME = 14,
  DT_RPATH = 15,
  DT_TEXTREL = 22,
  DT_RUNPATH = 29,
  DT_FLAGS = 30,
  DT_AUXILIARY = 0x7ffffffd,
  DT_FILTER = 0x7fffffff
};

constexpr unsigned binding_of(unsigned char info) { return info >> 4; }
constexpr unsigned type_of(unsigned char info) { return info & 15; }

}  // namespace trainer::elf
