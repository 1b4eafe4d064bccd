// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

#include "discovery/library_format.hpp"

namespace trainer {

class InputFile;

/// Reads the file and checks that this system's loader will not trip over it: for this machine, a shared library, and
/// whole. The last matters most: loading a library that was cut short maps pages that are not there, and
/// touching them kills the process. Else a usage Error.
LibraryFile read_library_file(const InputFile& file);

/// The same of a private copy; `name` stands in sentences for it.
LibraryFile read_library_file(const std::filesystem::path& path, const std::string& name);

/// The same of a library for any of the systems.
LibraryFile read_any_library_file(const InputFile& file);

}  // namespace trainer
