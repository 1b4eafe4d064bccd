// SPDX-License-Identifier: Apache-2.0
//
// params.yaml: the parameters of a run, one top-level key each.
#pragma once

#include <string>
#include <string_view>

#include "shared/json_tree/json_tree.hpp"

namespace trainer::dvclive {

/// `params` as YAML. Keys that only `existing` (an earlier params.yaml) has stay, as dict.update()
/// leaves them, and keep their place.
std::string merge_params(std::string_view existing, const plugins::JsonTree& params);

}  // namespace trainer::dvclive
