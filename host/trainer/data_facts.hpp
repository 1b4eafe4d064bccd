// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "ranks/same_everywhere.hpp"
#include "trainer/dataset.hpp"

namespace trainer {

/// What the ranks compare of rows that each of them reads by itself: their number, their description, a digest of those
/// in memory, and the length of a stream's file. `name`: "the train data". Rows that come through a pipe are each one
/// rank's alone: a usage Error, data.invalid.
void add_data_facts(Facts& facts, const std::string& name, const AnyDataset& dataset, const Ranks& ranks);

}  // namespace trainer
