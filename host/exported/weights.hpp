// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "exported/archive.hpp"

namespace trainer::exported {

/// A parameter, a buffer or a constant of an exported model.
struct Weight {
  std::string name;
  at::Tensor tensor;
  bool is_parameter = false;
  std::string first;  ///< of tied weights, names of one tensor: the first of them; its own for others
  std::optional<std::uint32_t> crc = {};  ///< of its values row by row, where the archive has it
};

struct Weights {
  std::vector<Weight> kept;       ///< parameters and buffers of the state dict, in its order
  std::vector<Weight> constants;  ///< buffers that no state dict has, and constants of the graph

  std::map<std::string, at::Tensor> by_name;  ///< all of them
};

/// Reads all of them, on the CPU, each compared with its checksum. Those that share memory in the module share it here.
Weights read_weights(const Archive& archive);

/// Whether they are those that libtrainer.export() wrote: the checksums of the archive's entries are made anew by
/// whoever packs it again with other weights, its own are not. An Error model-file.invalid names the first that
/// differs.
void check_weights(const Weights& weights, const std::map<std::string, std::string>& checksums,
                   const std::string& file);

}  // namespace trainer::exported
