// SPDX-License-Identifier: Apache-2.0
//
// The keys of a log as transformers' callbacks for trackers give them on.
#pragma once

#include <string>
#include <string_view>

namespace trainer::plugins {

/// rewrite_logs() of transformers' integration_utils.py: eval_x is eval/x, test_x is test/x, and x is
/// train/x.
std::string rewrite_key(std::string_view key);

/// train_runtime and the like: logged once, as values of the run.
bool is_single_value(std::string_view key);

}  // namespace trainer::plugins
