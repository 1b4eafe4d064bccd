// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>

namespace trainer {

/// A regular file opened for reading pieces of it. A pipe, a device or a directory is an Error at
/// once and never waited for. Who may have written it is asked of what was opened, and not of its name.
class InputFile {
 public:
  enum class Links { refused, followed };

  /// A symbolic link is refused, unless TRAINER_PLUGIN_TRUST is "any" or `links` says that it is followed. The
  /// directory may be reached through links.
  explicit InputFile(const std::filesystem::path& path, Links links = Links::refused);
  /// A private copy; `name` stands in sentences for it.
  InputFile(const std::filesystem::path& path, std::string name);
  ~InputFile();
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  const std::string& name() const { return name_; }         ///< for sentences
  std::uint64_t size() const { return size_; }              ///< bytes, when it was opened
  std::intptr_t descriptor() const { return descriptor_; }  ///< on Windows a handle

  /// Why somebody else might have written the file: it, a directory or a link on the way from its name belongs to
  /// another user than root and this one, or others may write there, by mode or by ACL. Empty when nobody could,
  /// and with TRAINER_PLUGIN_TRUST=any.
  const std::string& distrust() const { return distrust_; }

  /// Exactly `count` bytes from `offset`; an Error when they are not there (any more).
  std::string read(std::uint64_t offset, std::uint64_t count) const;

 private:
  void open_by_links(std::filesystem::path path, Links links);
  void require_regular();
  std::size_t read_some(std::uint64_t offset, char* to, std::size_t count) const;  ///< bytes; 0 at the end
  [[noreturn]] void refuse_opening(std::uint32_t error) const;
  [[noreturn]] void refuse_link() const;

  static constexpr int most_links = 16;

  std::string name_;
  std::string distrust_;
  std::intptr_t descriptor_ = -1;
  std::uint64_t size_ = 0;
};

}  // namespace trainer
