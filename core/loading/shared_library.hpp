// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

/// What loading asks of the system's loader. What is loaded stays until the process ends.
namespace trainer::shared_library {

/// Loads a file, or what the loader finds for a bare name, with every symbol bound now and none given to others: with
/// lazy binding a missing symbol ends the process in the middle of training. A usage Error, in which `name` stands
/// for the file.
void* load(const std::string& file, const std::filesystem::path& name);

/// The one name of all that the loader takes for the same: on Windows it is in small letters.
std::string known_as(const std::string& name);

/// Whether who needs `name` gets what is loaded already.
bool is_loaded(const std::string& name);

/// From now on the loader calls a library so, and tells dladdr(), a core file and debuggers that come the same; and who
/// needs `name` gets it, whatever it calls itself. Not while a debugger holds the process: gdb would take out the
/// breakpoints of the old name from its list, and leave them in the code. On Windows a library keeps its name.
void rename(void* library, const std::string& name);

void* symbol(void* library, const char* name);  ///< null when there is none

}  // namespace trainer::shared_library
