/* SPDX-License-Identifier: Apache-2.0
 *
 * abi.h - versions, calling convention and the few scalar conventions that every other header uses.
 *
 * Types that may cross the border between host and plugin: uint8_t, int32_t, uint32_t, int64_t,
 * uint64_t, double, pointers, and pointer + length for UTF-8 text. Never: bool, enum, long, size_t,
 * bit-fields, structs by value, variable arguments, or any C++ type. A flag is a uint32_t that holds
 * 0 or 1; anything else is refused with the plugin's name.
 *
 * How structs grow. Every struct but trainer_text and trainer_note starts with `struct_size`, the size
 * that its maker was compiled with. Whoever else reads or fills it touches only the first min(theirs, its
 * own) bytes; a missing tail means "not offered". One that is smaller than version 1.0's is refused.
 * Fields are only ever appended. `reserved` fields are zero when written and checked when read.
 */
#ifndef TRAINER_ABI_H
#define TRAINER_ABI_H

#include <stddef.h>
#include <stdint.h>

/* The contract of these headers. A host loads a plugin when the majors are equal and the minor that the
 * plugin needs is not above the host's. */
#define TRAINER_ABI_MAJOR 1u
#define TRAINER_ABI_MINOR 1u

/* The minor that a plugin needs: these headers', unless the plugin defines a lower one before it includes
 * them. It then runs with older hosts too, and asks TRAINER_OFFERS before it uses what came later. sdk.hpp
 * asks by itself: what is written with it needs TRAINER_SDK_MINOR. */
#ifdef TRAINER_PLUGIN_MINOR
#define TRAINER_SDK_MINOR TRAINER_PLUGIN_MINOR
#else
#define TRAINER_PLUGIN_MINOR TRAINER_ABI_MINOR
#define TRAINER_SDK_MINOR 0u
#endif

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

/* The size of a struct up to and with one of its fields. */
#define TRAINER_SIZE_TO(type, field) (offsetof(type, field) + sizeof(((type*)0)->field))

/* Holds when `last` really is the last field of `type`, and nothing but it the end: a field that were
 * appended in padding would not change struct_size. */
#define TRAINER_LAST_FIELD(type, last) \
  TRAINER_STATIC_ASSERT(sizeof(type) == TRAINER_SIZE_TO(type, last), #last " must end " #type ", without padding")

/* Whether a struct that the other side made is long enough to have a field, given by its pointer. */
#define TRAINER_OFFERS(pointer, type, field) ((pointer)->struct_size >= TRAINER_SIZE_TO(type, field))

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
