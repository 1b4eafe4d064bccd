// SPDX-License-Identifier: Apache-2.0
//
// The file of a run's configuration.
#pragma once

#include <string>

#include "shared/json_tree/json_tree.hpp"

namespace trainer::swanlab {

/// config.yaml of a run: for each key, sorted, {desc, sort, value}; `sort` is its place in `config`.
/// A null is written as {}, as SwanLab does. Values are JSON, which YAML includes, with numbers as
/// YAML 1.1 readers know them.
std::string config_yaml(const plugins::JsonTree& config);

}  // namespace trainer::swanlab
