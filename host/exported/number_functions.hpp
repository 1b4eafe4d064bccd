// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "exported/graph.hpp"

namespace trainer::exported {

/// Python's operation on numbers that a graph calls by this name, "_operator.floordiv" or "torch.sym_max"; null when it
/// is not known.
NumberFunction number_function(std::string_view target);

}  // namespace trainer::exported
