// SPDX-License-Identifier: Apache-2.0
//
// What `init` writes of a model and its data, having looked at the data.
#pragma once

#include <filesystem>
#include <string>

namespace trainer::command {

struct InitData {
  std::string text;     ///< the lines of "model", "loss", "metrics" and "data"
  bool stream = false;  ///< rows come one after another, so that max_steps has to say when the training ends
};

/// `shown`: the name that the run file gives the data. Without data an example to be filled in. Errors are those that a
/// training on the data would give.
InitData init_data(const std::filesystem::path& data, const std::string& shown);

}  // namespace trainer::command
