/* SPDX-License-Identifier: Apache-2.0
 *
 * abi.h - versions, calling convention and the few scalar conventions that every other header uses.
 *
 * Types that may cross the border between host and plugin: uint8_t, int32_t, uint32_t, int64_t,
 * uint64_t, double, pointers, and pointer + length for UTF-8 text. Never: bool, enum, long, size_t,
 * bit-fields, structs by value, variable arguments, or any C++ type. A flag is a uint32_t that holds
 * 0 or 1; anything else is refused with the plugin's name.
 *
 * How structs grow. Every struct starts with `struct_size`, the size its writer was compiled with.
 * A reader touches only the first min(theirs, its own) bytes; a missing tail means "not offered".
 * Fields are only ever appended. `reserved` fields are zero when written and checked when read.
 */
#ifndef TRAINER_ABI_H
#define TRAINER_ABI_H

#include <stdint.h>

/* A host loads a plugin when the majors are equal and the plugin's minor is not above its own.
 * While the major is 0 the contract is still a draft, and the minors must be equal too. */
#define TRAINER_ABI_MAJOR 0u
#define TRAINER_ABI_MINOR 1u

#if defined(_WIN32)
#define TRAINER_CALL __cdecl
#define TRAINER_EXPORT __declspec(dllexport)
#else
#define TRAINER_CALL
#define TRAINER_EXPORT __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
#define TRAINER_EXTERN_C extern "C"
#define TRAINER_STATIC_ASSERT(condition, text) static_assert(condition, text)
#else
#define TRAINER_EXTERN_C
#define TRAINER_STATIC_ASSERT(condition, text) _Static_assert(condition, text)
#endif

/* Holds when `last` really is the last field of `type`, so that struct_size cannot rot. */
#define TRAINER_LAST_FIELD(type, last)                                                             \
  TRAINER_STATIC_ASSERT(sizeof(type) - offsetof(type, last) - sizeof(((type*)0)->last) <           \
                            sizeof(void*),                                                         \
                        #last " must be the last field of " #type)

/* What a function that can fail returns. A value that is not listed counts as TRAINER_ERROR. */
#define TRAINER_OK 0
#define TRAINER_ERROR 1          /* failed; the sentence was given to trainer_host.set_error before */
#define TRAINER_NOT_FOUND 2      /* no such name or index; nothing was written */
#define TRAINER_UNAVAILABLE 3    /* cannot work here, for want of a setting (see ext/tracker.h) */
#define TRAINER_NOT_CONFIGURED 4 /* works when it is named, but nothing here asks for it (as above) */

/* UTF-8 text, not terminated by zero. `data` may be null only when `size` is 0. */
typedef struct trainer_text {
  const char* data;
  uint64_t size; /* bytes */
} trainer_text;

#endif
