// SPDX-License-Identifier: Apache-2.0
//
// YAML as ruamel.yaml 0.18 writes it in block style, which is what DVCLive's files look like.
#pragma once

#include <string>
#include <string_view>

#include "shared/json_tree/json_tree.hpp"

namespace trainer::dvclive {

/// The block mapping of an object at the left margin, with a line end; "{}\n" for an empty one.
std::string to_yaml(const plugins::JsonTree& object);

/// Appends a string as one scalar of a single line, plain where that reads back as the same string.
void append_yaml_string(std::string& out, std::string_view utf8);

}  // namespace trainer::dvclive
