// SPDX-License-Identifier: Apache-2.0
//
// Models that PyTorch exported.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "trainer/model.hpp"

namespace trainer {

/// Whether code that libtrainer.export(compiled_step=...) put into the file trains the model: docs/models.md.
enum class Compiled {
  none,
  update,     ///< loss, gradients, clipping and AdamW are one call; with gradient accumulation as `gradients`
  gradients,  ///< loss and gradients are one call, and the rest is as ever
};

struct Pt2Options {
  /// Of logits and "labels"; for a model that gives no output "loss". With one that does, an Error.
  LossFunction loss = {};
  bool smooths_labels = false;  ///< Model::smooths_labels(), of `loss`
  /// Where an input of the model has another name in the batches: input to name.
  std::map<std::string, std::string> inputs = {};
  /// Names of what a model gives that returns a tuple, in its order, such as {"loss", "logits"}.
  std::vector<std::string> outputs = {};
  /// Other than none, training runs code from the file: its owner must be root or this user, and nobody else may write
  /// there. An Error (compiled-step.*) says why it cannot be.
  Compiled compiled = Compiled::none;
};

/// A `.pt2` file of libtrainer.export(), or of torch.export.save(): graph and weights, so that no Python is needed. Its
/// parameters and buffers have Python's names. Its output "loss" is the loss, and "logits", or else the first other
/// one, are the logits; outputs that nobody asks for are not computed. Without an input, labels above all, it gives
/// what can be had without. The file is not trusted: an Error (model-file.invalid) says what is wrong with it.
std::shared_ptr<Model> load_pt2(const std::filesystem::path& file, Pt2Options options = {});

}  // namespace trainer
