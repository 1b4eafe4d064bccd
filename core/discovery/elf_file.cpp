// SPDX-License-Identifier: Apache-2.0
#include "discovery/elf_file.hpp"

#include <algorithm>

#include "discovery/elf_format.hpp"
#include "discovery/library_reader.hpp"

namespace trainer {
namespace {

using namespace elf;

#if defined(__x86_64__) || defined(_M_X64)
constexpr unsigned this_machine = EM_X86_64;
#elif defined(__aarch64__) || defined(_M_ARM64)
constexpr unsigned this_machine = EM_AARCH64;
#else
#error "name this machine's ELF number here"
#endif

std::string machine_name(unsigned machine) {
  switch (machine) {
    case EM_386:
      return "x86 (32 bit)";
    case EM_ARM:
      return "ARM (32 bit)";
    case EM_X86_64:
      return "x86-64";
    case EM_AARCH64:
      return "AArch64";
    case EM_RISCV:
      return "RISC-V";
    case EM_PPC64:
      return "PowerPC 64";
    case EM_S390:
      return "S/390";
    case EM_MIPS:
      return "MIPS";
    case EM_LOONGARCH:
      return "LoongArch";
    default:
      return "machine number " + std::to_string(machine);
  }
}

std::string_view type_name(unsigned type) {
  switch (type) {
    case ET_REL:
      return "an object file (.o)";
    case ET_EXEC:
      return "a program";
    case ET_CORE:
      return "a core dump";
    default:
      return "an ELF file of an unknown type";
  }
}

class ElfReader : LibraryReader {
 public:
  explicit ElfReader(const InputFile& file) : LibraryReader(file) {}

  LibraryFile read() {
    LibraryFile result;
    result.format = LibraryFormat::elf;
    result.size = file_.size();
    read_header();
    read_segments();
    read_sections();
    result.note = note();
    result.symbols = symbols();
    read_dynamic(result);
    result.versions = versions();
    return result;
  }

 private:
  void read_header() {
    const auto head = file_.read(0, std::min<std::uint64_t>(file_.size(), sizeof(Elf64_Ehdr)));
    if (head.size() < sizeof(Elf64_Ehdr)) too_short(sizeof(Elf64_Ehdr));
    const std::string remedy = "; build the plugin for " + machine_name(this_machine);
    // Class and byte order first: the other fields cannot be read without them.
    if (head[EI_CLASS] != ELFCLASS64)
      refuse(error_id::plugin_file_machine,
             (head[EI_CLASS] == ELFCLASS32 ? "is a 32-bit library" : "has an unknown ELF class") +
                 std::string(", expected a 64-bit one") + remedy);
    if (head[EI_DATA] != ELFDATA2LSB)
      refuse(error_id::plugin_file_machine,
             (head[EI_DATA] == ELFDATA2MSB ? "is big-endian" : "has an unknown byte order") +
                 std::string(", expected little-endian") + remedy);
    header_ = as<Elf64_Ehdr>(head);
    if (header_.e_machine != this_machine) wrong_machine(machine_name(header_.e_machine), machine_name(this_machine));
    if (header_.e_type != ET_DYN)
      refuse(error_id::plugin_file_type,
             "is " + std::string(type_name(header_.e_type)) + ", expected a shared library; link it with -shared");
    if (head[EI_VERSION] != EV_CURRENT || header_.e_version != EV_CURRENT)
      refuse(error_id::plugin_file_damaged, "has an ELF version other than 1; build it again");
  }

  void read_segments() {
    if (header_.e_phentsize != sizeof(Elf64_Phdr) || header_.e_phnum == 0 || header_.e_phnum == PN_XNUM)
      damaged("its header does not describe a table of segments");
    const auto bytes = piece(header_.e_phoff, std::uint64_t{header_.e_phnum} * sizeof(Elf64_Phdr), "segment table");
    segments_ = table_of<Elf64_Phdr>(bytes);
    for (const auto& segment : segments_) {
      if (segment.p_type == PT_NULL) continue;
      require_inside(segment.p_offset, segment.p_filesz, "segment");
      if (segment.p_type == PT_LOAD && segment.p_memsz < segment.p_filesz)
        damaged("a segment is smaller in memory than in the file");
      if (segment.p_type == PT_GNU_STACK && (segment.p_flags & PF_X))
        refuse(error_id::plugin_file_executable_stack,
               "asks for a stack that can be executed, expected none; link it with -Wl,-z,noexecstack");
    }
  }

  void read_sections() {
    if (header_.e_shoff == 0)
      refuse(error_id::plugin_note_missing,
             "has no table of sections, expected one with .trainer_note in it; strip it with strip, not with sstrip");
    if (header_.e_shentsize != sizeof(Elf64_Shdr)) damaged("its header does not describe a table of sections");
    // With very many sections their number and the index of their names stand in the first one.
    const auto first = as<Elf64_Shdr>(piece(header_.e_shoff, sizeof(Elf64_Shdr), "section table"));
    const std::uint64_t count = header_.e_shnum ? header_.e_shnum : first.sh_size;
    const std::uint64_t names = header_.e_shstrndx == SHN_XINDEX ? first.sh_link : header_.e_shstrndx;
    require_inside(0, count, "section table");  // so that the next product cannot wrap around
    sections_ = table_of<Elf64_Shdr>(piece(header_.e_shoff, count * sizeof(Elf64_Shdr), "section table"));
    if (names >= sections_.size()) damaged("the names of its sections are missing");
    section_names_ = content(sections_[names]);
  }

  std::string content(const Elf64_Shdr& section) const {
    if (section.sh_type == SHT_NOBITS) return {};
    return piece(section.sh_offset, section.sh_size, "section");
  }

  // The zero-terminated text at `offset` of a table of names; empty when it is not inside.
  std::string text_at(const std::string& names, std::uint64_t offset) {
    const auto end = offset < names.size() ? names.find('\0', offset) : names.npos;
    if (end == names.npos) return {};
    count_text(end - offset);
    return names.substr(offset, end - offset);
  }

  std::optional<std::string> note() {
    std::optional<std::string> found;
    for (const auto& section : sections_) {
      if (text_at(section_names_, section.sh_name) != note_section(LibraryFormat::elf)) continue;
      if (found)
        refuse(error_id::plugin_note_invalid,
               "has two sections .trainer_note, expected one; use TRAINER_PLUGIN_DEFINE once in a plugin");
      if (section.sh_size > max_note_size || (section.sh_flags & SHF_COMPRESSED))
        damaged("its note is compressed or has more than 1 MiB");
      found = content(section);
    }
    return found;
  }

  std::vector<LibraryFile::Symbol> symbols() {
    std::vector<LibraryFile::Symbol> found;
    const auto section =
        std::find_if(sections_.begin(), sections_.end(), [](const auto& s) { return s.sh_type == SHT_DYNSYM; });
    if (section == sections_.end()) return found;
    if (section->sh_link >= sections_.size()) damaged("the names of its symbols are missing");
    const auto names = content(sections_[section->sh_link]);
    for (const auto& symbol : table_of<Elf64_Sym>(content(*section))) {
      const auto type = type_of(symbol.st_info);
      if (symbol.st_shndx == SHN_UNDEF || binding_of(symbol.st_info) == STB_LOCAL) continue;
      found.push_back({text_at(names, symbol.st_name), type == STT_FUNC || type == STT_GNU_IFUNC});
    }
    return found;
  }

  // As the loader finds them: through the dynamic segment, not through the sections.
  void read_dynamic(LibraryFile& result) {
    const auto dynamic =
        std::find_if(segments_.begin(), segments_.end(), [](const auto& s) { return s.p_type == PT_DYNAMIC; });
    if (dynamic == segments_.end())
      refuse(error_id::plugin_file_type, "has no dynamic segment, expected a shared library; link it with -shared");
    std::vector<std::uint64_t> needed;
    std::optional<std::uint64_t> run_path, old_run_path, soname;
    std::uint64_t names_address = 0, names_size = 0;
    bool text_relocations = false;
    for (const auto& entry : table_of<Elf64_Dyn>(piece(dynamic->p_offset, dynamic->p_filesz, "dynamic segment"))) {
      const std::uint64_t value = entry.d_val;
      if (entry.d_tag == DT_NULL) break;
      if (entry.d_tag == DT_NEEDED || entry.d_tag == DT_FILTER || entry.d_tag == DT_AUXILIARY) needed.push_back(value);
      if (entry.d_tag == DT_SONAME) soname = value;
      if (entry.d_tag == DT_RUNPATH) run_path = value;
      if (entry.d_tag == DT_RPATH) old_run_path = value;
      if (entry.d_tag == DT_STRTAB) names_address = value;
      if (entry.d_tag == DT_STRSZ) names_size = value;
      if (entry.d_tag == DT_TEXTREL || (entry.d_tag == DT_FLAGS && (value & DF_TEXTREL))) text_relocations = true;
    }
    if (text_relocations)
      refuse(error_id::plugin_file_text_relocations,
             "has relocations in its code, which would have to be made writable, expected none; compile "
             "it with -fPIC");
    result.run_path_for_all = !run_path && old_run_path;
    if (!run_path) run_path = old_run_path;
    if (needed.empty() && !run_path && !soname) return;
    const auto names = piece(file_offset(names_address), names_size, "table of names");
    for (const auto offset : needed) {
      result.needed.push_back(text_at(names, offset));
      if (result.needed.back().empty()) damaged("the name of a library that it needs is missing");
    }
    if (soname) result.soname = text_at(names, *soname);
    if (!run_path) return;
    std::string list = text_at(names, *run_path);
    if (list.empty()) return;
    list += ':';
    for (std::size_t at = 0, end; (end = list.find(':', at)) != list.npos; at = end + 1)
      result.run_path.push_back(end > at ? list.substr(at, end - at) : ".");  // as the loader takes it
  }

  std::vector<LibraryFile::Version> versions() {
    std::vector<LibraryFile::Version> found;
    const auto section =
        std::find_if(sections_.begin(), sections_.end(), [](const auto& s) { return s.sh_type == SHT_GNU_verneed; });
    if (section == sections_.end()) return found;
    const std::string early = "its table of symbol versions ends early";
    if (section->sh_link >= sections_.size()) damaged(early);
    const auto names = content(sections_[section->sh_link]);
    const auto bytes = content(*section);
    const auto require = [&](std::uint64_t at, std::size_t size) {
      if (at > bytes.size() || bytes.size() - at < size) damaged(early);
    };
    // Each step goes forward by at least an entry, so that a ring cannot hold us.
    for (std::uint64_t at = 0, step = 0;; at += step) {
      require(at, sizeof(Elf64_Verneed));
      const auto library = as<Elf64_Verneed>(bytes, at);
      std::uint64_t inner = at + library.vn_aux;
      for (unsigned left = library.vn_cnt; left > 0; --left) {
        require(inner, sizeof(Elf64_Vernaux));
        const auto version = as<Elf64_Vernaux>(bytes, inner);
        found.push_back({text_at(names, library.vn_file), text_at(names, version.vna_name)});
        if (version.vna_next == 0) break;
        inner += version.vna_next;
      }
      step = library.vn_next;
      if (step == 0) return found;
      if (step < sizeof(Elf64_Verneed)) damaged(early);
    }
  }

  std::uint64_t file_offset(std::uint64_t address) const {
    for (const auto& s : segments_)
      if (s.p_type == PT_LOAD && address >= s.p_vaddr && address - s.p_vaddr < s.p_filesz)
        return s.p_offset + (address - s.p_vaddr);
    damaged("its table of names is in no segment");
  }

  Elf64_Ehdr header_{};
  std::vector<Elf64_Phdr> segments_;
  std::vector<Elf64_Shdr> sections_;
  std::string section_names_;
};

}  // namespace

LibraryFile read_elf_file(const InputFile& file) { return ElfReader(file).read(); }

}  // namespace trainer
