// SPDX-License-Identifier: Apache-2.0
#include "base/standard_streams.hpp"

#include <fcntl.h>
#include <signal.h>

namespace trainer {

void secure_standard_streams() {
  // The lowest free number is given, so that those below it are open already. Where there is no /dev/null, a
  // descriptor that nothing can be written to keeps the place.
  for (int number = 0; number <= 2; ++number)
    if (::fcntl(number, F_GETFD) < 0 && ::open("/dev/null", O_RDWR) < 0) (void)::open("/", O_RDONLY);
  for (const int number : {SIGPIPE, SIGXFSZ}) ::signal(number, SIG_IGN);
}

}  // namespace trainer
