// SPDX-License-Identifier: Apache-2.0
#include "base/windows.hpp"

#include <io.h>

#include "base/terminal.hpp"

namespace trainer {
namespace {

HANDLE handle_of(int descriptor) { return reinterpret_cast<HANDLE>(::_get_osfhandle(descriptor)); }

}  // namespace

bool is_terminal(int descriptor) {
  DWORD mode = 0;
  return ::GetConsoleMode(handle_of(descriptor), &mode);
}

int terminal_columns(int descriptor) {
  CONSOLE_SCREEN_BUFFER_INFO info{};
  if (!::GetConsoleScreenBufferInfo(handle_of(descriptor), &info)) return 80;
  return info.srWindow.Right - info.srWindow.Left + 1;
}

}  // namespace trainer
