// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "trainer/model.hpp"
#include "trainer/run_file.hpp"

namespace trainer::command {

/// The built-in model of a run file: Linear layers with an activation between two of them, named
/// "0.weight", "0.bias", "2.weight" ... as an nn.Sequential; initialised by the default generator.
std::shared_ptr<Model> make_built_in_model(const RunFile::Model& spec, const std::string& loss, json::object config);

}  // namespace trainer::command
