// SPDX-License-Identifier: Apache-2.0
//
// The numbers by which an exported program names types, and LibTorch's names for them.
#pragma once

#include <c10/core/Layout.h>
#include <c10/core/MemoryFormat.h>
#include <c10/core/ScalarType.h>

#include "exported/program_json.hpp"

namespace trainer::exported {

/// An Error for a number that is none of torch/_export/serde/schema.py, or one that no tensor of a training has.
/// @{
c10::ScalarType scalar_type(const ProgramJson& v);
c10::Layout layout(const ProgramJson& v);
c10::MemoryFormat memory_format(const ProgramJson& v);
/// @}

}  // namespace trainer::exported
