// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "discovery/library_format.hpp"

namespace trainer {

class InputFile;

/// Windows' format, of a file that begins with its magic bytes, as far as it goes; read_library_file() chooses.
LibraryFile read_pe_file(const InputFile& file);

}  // namespace trainer
