// SPDX-License-Identifier: Apache-2.0
//
// What LibTorch's headers of Linux, made for glibc, lack with MinGW: first of a file that is only looked at.
#pragma once

#include <windows.h>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <string>
#include <thread>
#undef near
#undef far
#undef small
#undef ERROR
#undef min
#undef max
#undef interface
extern "C" void __assert_fail(const char*, const char*, unsigned, const char*);
// c10's macros of Windows import what these headers define.
#define __declspec(x)
