/* SPDX-License-Identifier: Apache-2.0
 *
 * ext/console.h - "trainer.console/1": a callback that sees the lines which the run prints.
 *
 * What the host itself writes: the log (stderr) and the lines of Progress and Printer (stdout), not what
 * a model or another library prints. Progress bars are no lines.
 */
#ifndef TRAINER_EXT_CONSOLE_H
#define TRAINER_EXT_CONSOLE_H

#include "../callback.h"

#define TRAINER_EXT_CONSOLE "trainer.console/1"

#define TRAINER_STDOUT 1u
#define TRAINER_STDERR 2u

/* Plugin side: from trainer_callback.get_extension. */
typedef struct trainer_ext_console {
  uint32_t struct_size;
  uint32_t reserved;

  /* One line without its end, UTF-8, borrowed. Never called twice at once for an instance, nor after
   * `destroy` began. Must not call trainer_host.log, which would call it again. [any-thread & active] */
  void(TRAINER_CALL* line)(trainer_callback* self, uint32_t stream, const char* text, uint64_t size);
} trainer_ext_console;
TRAINER_LAST_FIELD(trainer_ext_console, line);

#endif
