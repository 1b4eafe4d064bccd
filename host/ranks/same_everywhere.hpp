// SPDX-License-Identifier: Apache-2.0
//
// What all ranks must have alike is compared before they wait for each other in vain.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "ranks/process_group.hpp"

namespace trainer {

/// What a sentence calls each ("args.seed"), and its value as text; in the same order everywhere.
using Facts = std::vector<std::pair<std::string, std::string>>;

/// Throws ranks.mismatch, in all ranks, with the first that differs: rank, machine and both values. Of a process alone
/// nothing happens.
void require_same(ProcessGroup& group, const Facts& facts);

/// The sentence of that; empty when all are the same. `names`: "rank 1 (host b)".
std::string first_difference(const std::vector<Facts>& facts, const std::vector<std::string>& names);

}  // namespace trainer
