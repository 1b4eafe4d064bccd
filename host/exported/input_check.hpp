// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "exported/graph.hpp"
#include "exported/program_json.hpp"

namespace trainer::exported {

/// What an open dimension may be, by its symbol.
struct Range {
  std::int64_t least, most;
};
using Ranges = std::map<std::string, Range, std::less<>>;

Ranges read_ranges(const ProgramJson& program);

/// Whether tensors, one for each of the inputs and undefined where there is none, are such as the model was exported
/// for: types, numbers of dimensions, sizes that are fixed, and those that are equal. A usage Error (data.invalid) says
/// which is not.
void check_inputs(const std::vector<InputSpec>& inputs, const std::vector<at::Tensor>& tensors, const Ranges& ranges);

}  // namespace trainer::exported
