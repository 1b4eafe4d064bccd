// SPDX-License-Identifier: Apache-2.0
//
// Stricter than Windows says that it has to be: what the loader reads before any code runs, it reads without looking
// first, and some loaders crash or hang on a directory that points elsewhere.
#include "discovery/pe_file.hpp"

#include <trainer/plugin.h>

#include <algorithm>
#include <array>

#include "discovery/library_reader.hpp"
#include "discovery/pe_format.hpp"

namespace trainer {
namespace {

using namespace pe;

constexpr std::uint64_t most_entries = 65536;  // as many as there are ordinals
constexpr std::uint64_t longest_name = 4096;
constexpr std::uint32_t page_size = 4096, least_file_alignment = 512;
constexpr std::size_t most_sections = 96;  // that the loader takes

#if defined(__x86_64__) || defined(_M_X64)
constexpr unsigned this_pe_machine = machine_x86_64;
#elif defined(__aarch64__) || defined(_M_ARM64)
constexpr unsigned this_pe_machine = machine_arm64;
#else
#error "name this machine's PE number here"
#endif

std::string pe_machine_name(unsigned machine) {
  switch (machine) {
    case machine_i386:
      return "x86 (32 bit)";
    case machine_arm:
      return "ARM (32 bit)";
    case machine_x86_64:
      return "x86-64";
    case machine_arm64:
      return "ARM64";
    default:
      return "machine number " + std::to_string(machine);
  }
}

bool is_power_of_two(std::uint32_t n) { return n != 0 && (n & (n - 1)) == 0; }

class PeReader : LibraryReader {
 public:
  explicit PeReader(const InputFile& file) : LibraryReader(file) {}

  LibraryFile read() {
    LibraryFile result;
    result.format = LibraryFormat::pe;
    result.size = file_.size();
    result.run_path = {"$ORIGIN"};  // the directory of who needs a library is the first that is looked in
    read_headers();
    read_sections();
    require_directories();
    result.note = note();
    result.symbols = exports();
    imports(result.needed);
    delayed(result.needed);
    require_thread_storage();
    require_relocations();
    return result;
  }

 private:
  void read_headers() {
    if (file_.size() < dos_header_size) too_short(dos_header_size);
    const std::uint64_t at = as<std::uint32_t>(file_.read(dos_new_header_at, 4));
    const auto for_dos = [&] {
      refuse(error_id::plugin_file_format,
             "is a program for DOS (MZ without PE), expected a shared library; put the plugin's .dll file there");
    };
    if (at < 4 || at > max_library_size) for_dos();
    file_header_ = as<FileHeader>(piece(at, sizeof(FileHeader), "header"));
    if (std::string_view(file_header_.magic, 4) != std::string_view("PE\0\0", 4)) for_dos();
    if (file_header_.machine != this_pe_machine)
      wrong_machine(pe_machine_name(file_header_.machine), pe_machine_name(this_pe_machine));
    const auto expected = [&](const std::string& found, const std::string& remedy) {
      refuse(error_id::plugin_file_type, found + ", expected a shared library; " + remedy);
    };
    if ((file_header_.flags & executable_image) == 0)
      expected("is an object file, or was not linked whole", "link it with -shared (/DLL)");
    if ((file_header_.flags & is_library) == 0) expected("is a program", "link it with -shared (/DLL)");
    if (file_header_.optional_size < sizeof(OptionalHeader)) damaged("its header is not that of a 64-bit library");
    const auto optional = piece(at + sizeof(FileHeader), file_header_.optional_size, "header");
    header_ = as<OptionalHeader>(optional);
    if (header_.magic != optional_magic_64) damaged("its header is not that of a 64-bit library");
    if (header_.subsystem != subsystem_window && header_.subsystem != subsystem_console)
      expected("is for another subsystem than Windows' programs (number " + std::to_string(header_.subsystem) + ")",
               "link it with -shared (/DLL)");
    if (header_.directories > most_directories ||
        header_.directories > (optional.size() - sizeof header_) / sizeof(Directory))
      damaged("its header has fewer directories than it says");
    for (std::size_t i = 0; i < header_.directories; ++i)
      directories_[i] = as<Directory>(optional, sizeof header_ + i * sizeof(Directory));
    if (directories_[managed_code].address != 0)
      expected("is a .NET assembly", "build the plugin in a language that makes native code, such as C, C++ or Rust");
    if (file_header_.flags & relocations_stripped)
      expected("cannot be moved in memory (its relocations were stripped)",
               "link it with --dynamicbase (/DYNAMICBASE)");
    if (!is_power_of_two(header_.section_alignment) || !is_power_of_two(header_.file_alignment) ||
        header_.section_alignment < page_size || header_.file_alignment < least_file_alignment ||
        header_.file_alignment > header_.section_alignment)
      damaged("its sections have no alignment of whole pages");
    sections_at_ = at + sizeof(FileHeader) + file_header_.optional_size;
  }

  void read_sections() {
    const std::size_t count = file_header_.sections;
    if (count == 0 || count > most_sections) damaged("it has " + std::to_string(count) + " sections");
    const std::uint64_t end = sections_at_ + count * sizeof(Section);
    sections_ = table_of<Section>(piece(sections_at_, count * sizeof(Section), "section table"));
    require_inside(0, header_.headers_size, "header");
    if (end > header_.headers_size) damaged("its header is larger than it says");
    if (header_.image_size > max_library_size)
      refuse(error_id::plugin_file_too_large, "has " + std::to_string(header_.image_size) +
                                                  " bytes in memory, more than the 1 GiB that a plugin may have; "
                                                  "allocate its data when it runs");
    std::uint64_t free = header_.headers_size;  // the first address behind what came before
    for (const Section& section : sections_) {
      if (section.file_size != 0) require_inside(section.file_offset, section.file_size, "section");
      if (section.address % header_.section_alignment != 0 ||
          (section.file_size != 0 && section.file_offset % least_file_alignment != 0))
        damaged("a section does not begin where it may");
      if (section.address < free) damaged("its sections lie over each other");
      free = std::uint64_t{section.address} + size_in_memory(section);
      if (free > header_.image_size) damaged("a section lies outside of its image");
      if ((section.flags & section_executable) && (section.flags & section_writable))
        refuse(error_id::plugin_file_text_relocations,
               "has a section that can be written and executed (" + std::string(name_of(section)) +
                   "), expected none; do not pack it, and link it without /SECTION:...,RWE");
    }
    if (header_.entry_point != 0 && !in_code(header_.entry_point)) damaged("its first function is in no code of it");
  }

  // What comes of the file is cut to it, and it is filled up with zeros.
  static std::uint64_t size_in_memory(const Section& s) { return s.memory_size != 0 ? s.memory_size : s.file_size; }
  static std::uint64_t size_from_file(const Section& s) {
    return std::min<std::uint64_t>(s.file_size, size_in_memory(s));
  }
  static std::string_view name_of(const Section& s) {
    const std::string_view name(s.name, sizeof s.name);
    return name.substr(0, std::min(name.find('\0'), name.size()));
  }

  const Section* section_of(std::uint64_t address, std::uint64_t count) const {
    for (const Section& s : sections_)
      if (address >= s.address && address - s.address < size_in_memory(s))
        return count <= size_in_memory(s) - (address - s.address) ? &s : nullptr;
    return nullptr;
  }

  bool in_code(std::uint64_t address) const {
    const Section* section = section_of(address, 1);
    return section && (section->flags & section_executable);
  }

  void require_directories() {
    for (std::size_t i = 0; i < directories_.size(); ++i) {
      const auto [address, size] = directories_[i];
      if (address == 0) continue;
      if (i == certificates)
        require_inside(address, size, "certificate");
      else if (!section_of(address, std::max<std::uint32_t>(size, 1)))
        damaged("directory " + std::to_string(i) + " of its header lies outside of its sections");
    }
  }

  // The bytes of the file that are at an address of the image.
  std::string bytes_at(std::uint64_t address, std::uint64_t count, const std::string& what) const {
    const Section* s = section_of(address, count);
    const std::uint64_t skipped = s ? address - s->address : 0;
    if (!s || skipped > size_from_file(*s) || count > size_from_file(*s) - skipped)
      damaged("its " + what + " lies outside of its sections");
    return piece(s->file_offset + skipped, count, what);
  }
  template <typename T>
  T object_at(std::uint64_t address, const std::string& what) const {
    return as<T>(bytes_at(address, sizeof(T), what));
  }

  std::string text_at(std::uint64_t address, const std::string& what) {
    if (const Section* s = section_of(address, 1); s && address - s->address < size_from_file(*s)) {
      const std::uint64_t skipped = address - s->address;
      const auto text = piece(s->file_offset + skipped, std::min(size_from_file(*s) - skipped, longest_name), what);
      if (const auto end = text.find('\0'); end != text.npos) {
        count_text(end + 1);
        return text.substr(0, end);
      }
    }
    damaged("its " + what + " has a name that does not end, or lies outside of its sections");
  }

  std::optional<std::string> note() const {
    std::optional<std::string> found;
    for (const Section& section : sections_) {
      if (name_of(section) != note_section(LibraryFormat::pe)) continue;
      if (found)
        refuse(error_id::plugin_note_invalid,
               "has two sections .trainer, expected one; use TRAINER_PLUGIN_DEFINE once in a plugin");
      if (size_from_file(section) > max_note_size) damaged("its note has more than 1 MiB");
      found = piece(section.file_offset, size_from_file(section), "note");
    }
    return found;
  }

  std::vector<LibraryFile::Symbol> exports() {
    std::vector<LibraryFile::Symbol> found;
    const Directory where = directories_[export_table];
    if (where.address == 0) return found;
    const std::string what = "table of exports";
    const auto head = object_at<Exports>(where.address, what);
    if (head.functions > most_entries || head.names > most_entries)
      damaged("its table of exports has more entries than there are numbers");
    const auto addresses = table_of<std::uint32_t>(
        head.functions ? bytes_at(head.functions_at, std::uint64_t{head.functions} * 4, what) : std::string());
    std::vector<bool> named(addresses.size());
    const auto kind_of = [&](std::size_t index) {
      const bool forwarded = addresses[index] >= where.address && addresses[index] - where.address < where.size;
      if (!forwarded && addresses[index] != 0 && !section_of(addresses[index], 1))
        damaged("its table of exports points outside of its sections");
      return !forwarded && in_code(addresses[index]);
    };
    if (head.names > 0) {
      const auto names = table_of<std::uint32_t>(bytes_at(head.names_at, std::uint64_t{head.names} * 4, what));
      const auto ordinals = table_of<std::uint16_t>(bytes_at(head.ordinals_at, std::uint64_t{head.names} * 2, what));
      for (std::size_t i = 0; i < names.size(); ++i) {
        if (ordinals[i] >= addresses.size()) damaged("its table of exports points outside of itself");
        named[ordinals[i]] = true;
        found.push_back({text_at(names[i], what), kind_of(ordinals[i])});
        require_no_forwarder(found.back().name, addresses[ordinals[i]], where);
      }
    }
    for (std::size_t i = 0; i < addresses.size(); ++i)
      if (!named[i] && addresses[i] != 0)
        found.push_back({"#" + std::to_string(std::uint64_t{head.first_ordinal} + i), kind_of(i)});
    return found;
  }

  void require_no_forwarder(const std::string& name, std::uint32_t address, Directory where) {
    if (name != TRAINER_ENTRY_NAME || address < where.address || address - where.address >= where.size) return;
    refuse(error_id::plugin_no_entry, "takes " TRAINER_ENTRY_NAME " from another library (" +
                                          text_at(address, "table of exports") +
                                          "), expected its own; use TRAINER_PLUGIN_DEFINE");
  }

  std::string library_name(std::uint32_t address, const std::string& what) {
    auto name = text_at(address, what);
    if (name.empty() || name.find_first_of("/\\:") != name.npos)
      damaged("it needs the library \"" + name + "\", which is not the name of one");
    return name;
  }

  void imports(std::vector<std::string>& needed) {
    const std::string what = "table of imports";
    std::uint64_t at = directories_[import_table].address;
    if (at == 0) return;
    for (std::uint64_t entries = 0;; at += sizeof(Import)) {
      const auto import = object_at<Import>(at, what);
      if (import.library == 0) return;
      needed.push_back(library_name(import.library, what));
      const std::uint64_t count = functions(import.names_at ? import.names_at : import.addresses_at, what);
      // The loader writes there.
      if (!section_of(import.addresses_at, (count + 1) * 8)) damaged("its " + what + " lies outside of its sections");
      if ((entries += count + 1) > most_entries) damaged("its " + what + " does not end");
    }
  }

  // How many there are. Each name that is taken from a library must be there for the loader to read.
  std::uint64_t functions(std::uint64_t at, const std::string& what) {
    for (std::uint64_t count = 0; count < most_entries; ++count) {
      const auto entry = object_at<std::uint64_t>(at + count * 8, what);
      if (entry == 0) return count;
      if ((entry >> 63) == 0) text_at((entry & 0x7FFFFFFF) + 2, what);
    }
    damaged("its " + what + " does not end");
  }

  void delayed(std::vector<std::string>& needed) {
    const std::string what = "table of delayed imports";
    std::uint64_t at = directories_[delayed_imports].address;
    if (at == 0) return;
    for (std::uint64_t count = 0; count < most_entries; ++count, at += sizeof(DelayedImport)) {
      const auto import = object_at<DelayedImport>(at, what);
      if (import.library == 0) return;
      needed.push_back(library_name(import.library, what));
    }
    damaged("its " + what + " does not end");
  }

  void require_thread_storage() const {
    const std::string what = "table of thread storage";
    if (directories_[thread_storage].address == 0) return;
    const auto storage = object_at<ThreadStorage>(directories_[thread_storage].address, what);
    const auto require_here = [&](std::uint64_t address, std::uint64_t count) {
      if (address < header_.image_base || !section_of(address - header_.image_base, count))
        damaged("its " + what + " points outside of its sections");
    };
    if (storage.end < storage.begin) damaged("its " + what + " ends before it begins");
    if (storage.begin != 0 && storage.end > storage.begin) require_here(storage.begin, storage.end - storage.begin);
    if (storage.zeros > max_library_size) damaged("its " + what + " is too large");
    require_here(storage.index_at, 4);
    if (storage.callbacks_at == 0) return;
    for (std::uint64_t i = 0; i < most_entries; ++i) {
      require_here(storage.callbacks_at + 8 * i, 8);
      const auto callback = object_at<std::uint64_t>(storage.callbacks_at - header_.image_base + 8 * i, what);
      if (callback == 0) return;
      if (callback < header_.image_base || !in_code(callback - header_.image_base))
        damaged("its " + what + " names a function that is in no code of it");
    }
    damaged("its " + what + " does not end");
  }

  void require_relocations() const {
    const std::string what = "table of relocations";
    const auto [address, size] = directories_[base_relocations];
    if (address == 0 || size == 0) return;
    const auto bytes = bytes_at(address, size, what);
    for (std::uint64_t at = 0; at < bytes.size();) {
      if (bytes.size() - at < sizeof(RelocationBlock)) damaged("its " + what + " ends early");
      const auto block = as<RelocationBlock>(bytes, at);
      if (block.size < sizeof block || block.size % 2 != 0 || block.size > bytes.size() - at)
        damaged("its " + what + " ends early");
      for (std::uint64_t i = sizeof block; i < block.size; i += 2) {
        const auto entry = as<std::uint16_t>(bytes, at + i);
        const unsigned kind = entry >> 12;
        if (kind == 0) continue;  // fills up a block
        if (kind != 10 || std::uint64_t{block.page} + (entry & 0xFFF) + 8 > header_.image_size)
          damaged("its " + what + " points outside of its image");
      }
      at += block.size;
    }
  }

  FileHeader file_header_{};
  OptionalHeader header_{};
  std::array<Directory, most_directories> directories_{};
  std::uint64_t sections_at_ = 0;
  std::vector<Section> sections_;
};

}  // namespace

LibraryFile read_pe_file(const InputFile& file) { return PeReader(file).read(); }

}  // namespace trainer
