// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>

/// What plugin discovery and loading ask of the operating system. One source file for each system.
namespace trainer::platform {

extern const std::string_view plugin_suffix;  ///< ".so"
extern const char path_list_separator;        ///< between the directories of TRAINER_PLUGIN_PATH

/// A regular file opened for reading pieces of it. A pipe, a device or a directory is an Error at
/// once and never waited for.
class InputFile {
 public:
  /// Not through a symbolic link, unless TRAINER_PLUGIN_TRUST is "any".
  explicit InputFile(const std::filesystem::path& path);
  /// A private copy; `name` stands in sentences for it.
  InputFile(const std::filesystem::path& path, std::string name) : InputFile(path, std::move(name), 0) {}
  ~InputFile();
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  const std::string& name() const { return name_; }  ///< for sentences
  std::uint64_t size() const { return size_; }       ///< bytes, when it was opened

  /// Exactly `count` bytes from `offset`; an Error when they are not there (any more).
  std::string read(std::uint64_t offset, std::uint64_t count) const;

 private:
  InputFile(const std::filesystem::path& path, std::string name, int flags);

  std::string name_;
  int descriptor_ = -1;
  std::uint64_t size_ = 0;
};

/// The running program's file; empty when the system does not tell.
std::filesystem::path executable_path();

/// The shared library that holds this code; empty when it is linked into the program.
std::filesystem::path library_path();

/// The directory of the user's own data ($XDG_DATA_HOME or its default); empty when there is no
/// home.
std::filesystem::path user_data_directory();

/// The directory of this program's own caches: $TRAINER_CACHE_DIR, or libtrainer in $XDG_CACHE_HOME or
/// its default; empty when there is no home.
std::filesystem::path user_cache_directory();

/// Why somebody else might have written the file: it, or the directory that it is in, belongs to another
/// user than root and this one, or others may write there. Empty when nobody could.
std::string distrust(const std::filesystem::path& path);

/// Whether the program, or a library that it started with, defines `symbol`.
bool defines(const char* symbol);

/// Throws the loader's text of why `path` could not be loaded, as a sentence of ours.
[[noreturn]] void refuse_loading(const std::filesystem::path& path, const std::string& loader_text);

}  // namespace trainer::platform
