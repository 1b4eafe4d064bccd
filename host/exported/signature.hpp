// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "exported/program_json.hpp"

namespace trainer::exported {

/// The names of the values that go in and come out of an exported model, flat, as its trees of Python's containers
/// say them. An output that has none is called "".
struct Signature {
  std::vector<std::string> inputs, outputs;
};

Signature read_signature(const ProgramJson& graph_module);

}  // namespace trainer::exported
