// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "discovery/input_file.hpp"

namespace trainer {

/// The bytes of a file as they were read once, where nobody can change them any more: what is checked
/// is what is loaded, and a file that is overwritten while a program runs it changes nothing. Where files
/// of this size may not be written (ulimit -f), it is the file that was opened, with a warning; and for debugging
/// (loads_files_themselves()) it is the file by its name.
class PrivateCopy {
 public:
  enum class Of {
    plugin,
    library,  ///< that a plugin brought along: it may be a link, and Windows' loader knows it by its file's name
  };

  /// A usage Error when the file cannot be read (InputFile), or the copy not be made.
  explicit PrivateCopy(const std::filesystem::path& file, Of what = Of::plugin);
  /// The same of bytes that were read already; `name` stands for them in sentences.
  PrivateCopy(std::string_view bytes, const std::string& name);
  ~PrivateCopy();
  PrivateCopy(const PrivateCopy&) = delete;
  PrivateCopy& operator=(const PrivateCopy&) = delete;

  /// To read and to load it; no other copy of this process ever has the same, as the loader takes a
  /// name that it knows for the library that it knows.
  const std::filesystem::path& path() const { return path_; }
  const std::string& sha256() const { return sha256_; }      ///< in hexadecimal digits
  const std::string& distrust() const { return distrust_; }  ///< of the file that was read, as InputFile says it

 private:
  void open_copy(const std::filesystem::path& file);

  std::intptr_t descriptor_ = -1;           // on Windows a handle
  std::filesystem::path path_, directory_;  // directory_: with the copy alone in it, where memory has no path
  std::string sha256_, distrust_;
};

}  // namespace trainer
