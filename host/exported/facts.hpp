// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

#include "exported/archive.hpp"
#include "exported/graph.hpp"

namespace trainer::exported {

/// Where libtrainer.export() says what it knows of the model.
inline constexpr const char* meta_entry = "extra/libtrainer/meta.json";

/// What transformers' Trainer finds out about a model by looking at the module.
struct Facts {
  /// Its forward takes what the loss needs, so that the Trainer gives num_items_in_batch, and does not divide the loss
  /// by the accumulation steps.
  bool accepts_loss_kwargs = false;
  bool loss_shifts_labels = false;            ///< num_items_in_batch is counted over labels[..., 1:]
  bool label_smoother_shifts_labels = false;  ///< and so is the smoothed loss
  std::vector<std::string> parameter_order;   ///< names; empty when nothing says it
  std::vector<std::string> layer_norm_parameters;
  std::string main_input;     ///< the one whose elements are the tokens of a batch; empty when nothing says it
  double flos_per_token = 0;  ///< of forward and backward, as transformers estimates them
  std::vector<std::string> ignored_outputs;        ///< that are no predictions
  std::map<std::string, std::string> saved_names;  ///< in checkpoints of Python, each with that of the module
  json::object config;
  std::map<std::string, std::string> checksums;  ///< of weights: CRC-32 of their values row by row, 8 digits
  std::map<std::string, std::string> files;      ///< by name: what from_pretrained() wants beside the weights
};

/// As libtrainer.export() wrote them; of a file of torch.export.save alone, what can be seen in the graph.
Facts read_facts(const Archive& archive, const Graph& training);

}  // namespace trainer::exported
