// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

/// What plugin discovery and loading ask of the operating system. One source file for each system.
namespace trainer::platform {

extern const std::string_view plugin_suffix;  ///< ".so", ".dll"
extern const char path_list_separator;        ///< between the directories of TRAINER_PLUGIN_PATH

/// The running program's file; empty when the system does not tell.
std::filesystem::path executable_path();

/// The shared library that holds this code; empty when it is linked into the program.
std::filesystem::path library_path();

/// The directory of the user's own data ($XDG_DATA_HOME or its default); empty when there is no
/// home.
std::filesystem::path user_data_directory();

/// The directory of this program's own caches: $TRAINER_CACHE_DIR, or libtrainer in $XDG_CACHE_HOME or
/// its default; empty when there is no home.
std::filesystem::path user_cache_directory();

/// Whether the program, or a library that it started with, defines `symbol`.
bool defines(const char* symbol);

/// Whether a debugger holds this process, or another program that traces it (gdb, strace).
bool is_traced();

}  // namespace trainer::platform
