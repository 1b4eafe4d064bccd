// SPDX-License-Identifier: Apache-2.0
#include "base/windows.hpp"

#include <fcntl.h>
#include <io.h>

#include "base/standard_streams.hpp"
#include "base/terminal.hpp"

namespace trainer {

void secure_standard_streams() {
  for (int number = 0; number <= 2; ++number) {
    if (::_get_osfhandle(number) < 0) {
      const int nothing = ::_open("NUL", _O_RDWR);
      if (nothing >= 0 && nothing != number) ::_dup2(nothing, number), ::_close(nothing);
    }
    if (number > 0) ::_setmode(number, _O_BINARY);
  }
  if (!is_terminal(1) && !is_terminal(2)) return;
  ::SetConsoleOutputCP(CP_UTF8);
  for (const DWORD which : {STD_OUTPUT_HANDLE, STD_ERROR_HANDLE}) {
    DWORD mode = 0;
    const HANDLE console = ::GetStdHandle(which);
    if (::GetConsoleMode(console, &mode)) ::SetConsoleMode(console, mode | ENABLE_VIRTUAL_TERMINAL_PROCESSING);
  }
}

}  // namespace trainer
