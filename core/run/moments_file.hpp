// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "state/moment.hpp"

/// A file that the system keeps equal to `moments` at no cost of the calls: it is laid under their memory. A clean end
/// removes it, so that one that is found says what a process was doing that ended without a word, by _exit(), exec
/// or SIGKILL.
namespace trainer::moments_file {

constexpr const char* file_name = ".training.moments";

/// The call that was under way.
struct LastCall {
  std::string callback, call;
  std::int64_t step;
};

/// Lays the file of this directory under the moments, and takes away that of another directory. The call of a process
/// that left its file here. Where there can be no file, or another process that is alive has it, nothing happens.
std::optional<LastCall> keep_in(const std::filesystem::path& directory);

/// Removes the file, at the end of the process; signal handlers may.
void remove() noexcept;

/// In the handler of a SIGBUS: whether `address` is of the moments, under which the file was cut, or its disk has
/// gone. They are plain memory from then on, without the names.
bool mend(const void* address) noexcept;

}  // namespace trainer::moments_file
