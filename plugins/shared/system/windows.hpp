// SPDX-License-Identifier: Apache-2.0
//
// windows.hpp - <windows.h> for the files of plugins whose name ends in _windows.cpp.
#pragma once

#include "child/windows.hpp"

namespace trainer::plugins::windows {

using child::windows::Handle;
using child::windows::narrow;
using child::windows::wide;

/// A function of a library that every process has; null when this Windows has none of that name.
template <typename Function>
Function* function_of(const wchar_t* library, const char* name) {
  return reinterpret_cast<Function*>(reinterpret_cast<void*>(::GetProcAddress(::GetModuleHandleW(library), name)));
}

inline double number(const FILETIME& time) {
  return static_cast<double>(static_cast<unsigned long long>(time.dwHighDateTime) << 32 | time.dwLowDateTime);
}

}  // namespace trainer::plugins::windows
