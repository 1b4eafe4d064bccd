// SPDX-License-Identifier: Apache-2.0
//
// What is done to a graph before it runs; none of it changes a number that comes out.
#pragma once

#include <vector>

#include "exported/graph.hpp"

namespace trainer::exported {

/// The part of a graph that needs no more than the inputs that are `given`, and of the outputs those that are `wanted`:
/// others have no slot. A size that the graph takes from a missing input is taken from another, where the export
/// said that they are the same.
Graph slice(const Graph& graph, const std::vector<char>& given, const std::vector<char>& wanted);

/// Nodes without an effect whose results nobody reads go.
void remove_dead_nodes(Graph& graph);

/// What follows from sizes of inputs and constants alone, such as masks and positions: the same for every batch of
/// these sizes.
struct ConstantPart {
  std::vector<int> nodes;           ///< in order; with what begins and ends modes, and the sizes
  std::vector<char> is_constant;    ///< by node: left out when a batch runs
  std::vector<int> sizes, results;  ///< slots that it depends on, and those of it that the rest reads
};
/// Nothing random is in it, and nothing that the graph writes to, itself or through a view.
ConstantPart find_constant_part(const Graph& graph);

/// Notes where each value is used last, so that it goes as early as in eager PyTorch. The slots in `kept` stay, and
/// nodes in `skipped` do not run.
void mark_last_uses(Graph& graph, const std::vector<char>& kept, const std::vector<char>& skipped);

}  // namespace trainer::exported
