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

/// Whether who needs `name` gets what is loaded already.
bool is_loaded(const std::string& name);

/// From now on who needs `name` gets this library, whatever it calls itself.
void answer_to(void* library, const std::string& name);

void* symbol(void* library, const char* name);  ///< null when there is none

}  // namespace trainer::shared_library
