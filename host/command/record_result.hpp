// SPDX-License-Identifier: Apache-2.0
//
// What a run leaves for other programs: its results as JSON.
#pragma once

#include <exception>
#include <filesystem>

#include "trainer/files.hpp"
#include "trainer/trainer.hpp"

namespace trainer::command {

/// Nested lists of a tensor's values, as tensor.tolist() gives them; null for an undefined one.
json::value tensor_to_json(const at::Tensor& tensor);

/// --record: DIR/result.json (what the actions returned, the error that ended them, the files below
/// output_dir, the final weights) and DIR/trainer_state.json. `trainer` is null when none was made.
void record_result(const std::filesystem::path& directory, const Trainer* trainer, const json::array& actions,
                   std::int64_t failed_action, const std::exception* error);

}  // namespace trainer::command
