// SPDX-License-Identifier: Apache-2.0
//
// What the *_windows.cpp files need of the system. Included by them alone, and by them first.
#pragma once

#include "child/windows.hpp"

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace trainer::windows {

using child::windows::Handle;
using child::windows::narrow;
using child::windows::wide;

/// The system's sentence for an error number, in English, without its full stop and line end.
std::string message(DWORD error);
inline std::string last_message() { return message(::GetLastError()); }

/// An environment variable as UTF-8; empty when it is not set.
std::string variable(const wchar_t* name);

/// All variables of this process, "NAME=value"; those of the current directories of drives begin with '='.
std::vector<std::wstring> environment();

/// Opens a file that others may read, rename and delete meanwhile, and write with `writers`. Links are followed.
Handle open_to_read(const std::filesystem::path& path, bool writers = true);

/// Writes all of it; false: GetLastError() says why not.
bool write_all(HANDLE file, std::string_view bytes);

/// `call` again for a second, while virus scanners and indexers, which open new files for a moment, are in its way.
template <typename Call>
bool repeat(const Call& call) {
  constexpr int most_tries = 50;
  constexpr DWORD pause_ms = 20;
  for (int i = 0;; ++i) {
    if (call()) return true;
    const DWORD error = ::GetLastError();
    const bool in_use =
        error == ERROR_SHARING_VIOLATION || error == ERROR_ACCESS_DENIED || error == ERROR_LOCK_VIOLATION;
    if (!in_use || i == most_tries) return false;
    ::Sleep(pause_ms);
  }
}

}  // namespace trainer::windows
