// SPDX-License-Identifier: Apache-2.0
//
// What the file of a DirectoryLock says, and the sentences about who has it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace trainer {

struct LockHolder {
  std::int64_t pid = 0;  ///< 0: not known
  std::string host, start;

  bool may_be_alive() const;   ///< a process of another host cannot be asked for
  bool is_alive_here() const;  ///< another process than this one, of this host
  std::string in_words() const;
};

/// What the file says, if anything: it may be written this very moment, or be anybody's text.
LockHolder read_lock_record(std::string_view text);
std::string lock_record();  ///< of this process

[[noreturn]] void refuse_second_training(const std::filesystem::path& directory, const std::string& who);
void warn_unlocked(const std::filesystem::path& directory, const std::string& reason);

}  // namespace trainer
