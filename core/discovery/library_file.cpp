// SPDX-License-Identifier: Apache-2.0
#include "discovery/library_file.hpp"

#include <algorithm>

#include "discovery/elf_file.hpp"
#include "discovery/input_file.hpp"
#include "discovery/library_reader.hpp"
#include "discovery/pe_file.hpp"
#include "trainer/error.hpp"

namespace trainer {
namespace {

using namespace std::string_view_literals;

constexpr std::size_t head_size = 64;  // enough to tell a text from what only begins like one

// What a file that has no format of ours seems to be.
std::string_view guess(std::string_view head) {
  const auto starts = [&](std::string_view magic) { return head.substr(0, magic.size()) == magic; };
  if (starts("!<arch>\n") || starts("!<thin>\n")) return "an archive (a static library, .a or .lib)";
  if (starts("PK\3\4") || starts("\x1f\x8b") ||
      starts("\xfd"
             "7zXZ") ||
      starts("BZh"))
    return "an archive (compressed)";
  if (starts("\xcf\xfa\xed\xfe") || starts("\xca\xfe\xba\xbe")) return "a macOS library (Mach-O)";
  if (starts("BC\xc0\xde")) return "LLVM bitcode";
  const bool text = std::all_of(head.begin(), head.end(), [](char c) {
    return static_cast<unsigned char>(c) >= 0x20 || c == '\n' || c == '\r' || c == '\t';
  });
  return text ? "a text file" : ""sv;
}

struct Format {
  LibraryFormat format;
  std::string_view magic, what, name, suffix;
  LibraryFile (*read)(const InputFile& file);
};
constexpr Format formats[] = {
    {LibraryFormat::elf, "\177ELF", "a Linux library (ELF)", "ELF", ".so", read_elf_file},
    {LibraryFormat::pe, "MZ", "a Windows DLL (MZ)", "PE", ".dll", read_pe_file},
};

// Of a file that is shorter than the magic bytes, what is there.
const Format* format_of(std::string_view head) {
  for (const Format& format : formats)
    if (head.substr(0, format.magic.size()) == format.magic.substr(0, head.size())) return &format;
  return nullptr;
}

LibraryFile read(const InputFile& file, bool of_any_system) {
  if (file.size() == 0)
    throw_usage(error_id::plugin_file_empty,
                file.name() + " is empty (0 bytes), expected a shared library; build it again");
  require_library_size(file);
  const auto head = file.read(0, std::min<std::uint64_t>(file.size(), head_size));
  const Format* found = format_of(head);
  if (found && (of_any_system || found->format == this_format)) return found->read(file);
  const std::string_view ours = formats[static_cast<int>(this_format)].name, what = found ? found->what : guess(head);
  throw_usage(error_id::plugin_file_format,
              file.name() + " " +
                  (what.empty() ? "does not start as " + std::string(this_format == LibraryFormat::elf ? "an " : "a ") +
                                      std::string(ours) + " file"
                                : "is " + std::string(what)) +
                  ", expected a shared library for this system (" + std::string(ours) + "); put the plugin's " +
                  std::string(formats[static_cast<int>(this_format)].suffix) + " file there");
}

}  // namespace

LibraryFile read_library_file(const InputFile& file) { return read(file, false); }
LibraryFile read_any_library_file(const InputFile& file) { return read(file, true); }

LibraryFile read_library_file(const std::filesystem::path& path, const std::string& name) {
  return read_library_file(InputFile(path, name));
}

}  // namespace trainer
