// SPDX-License-Identifier: Apache-2.0
//
// The names that Hugging Face's callback gives: tags and directories.
#pragma once

#include <ctime>
#include <string>
#include <string_view>

namespace trainer::tensorboard {

/// rewrite_logs() of transformers' integration_utils.py: eval_x -> eval/x, test_x -> test/x, else
/// train/x.
std::string rewrite_key(std::string_view key);

/// default_logdir(): runs/<Mon DD_HH-MM-SS>_<host> in local time, as "runs/Nov23_16-17-25_host".
/// English month names in every locale, so that names sort alike everywhere.
std::string default_logdir(std::time_t now);

/// os.path.expanduser(): a leading ~ or ~user; left as it is for an unknown user.
std::string expand_user(const std::string& path);

}  // namespace trainer::tensorboard
