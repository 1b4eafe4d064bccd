// SPDX-License-Identifier: Apache-2.0
//
// The directory of a run, as Hugging Face's callback names it.
#pragma once

#include <ctime>
#include <string>

namespace trainer::tensorboard {

/// default_logdir(): runs/<Mon DD_HH-MM-SS>_<host> in local time, as "runs/Nov23_16-17-25_host".
/// English month names in every locale, so that names sort alike everywhere.
std::string default_logdir(std::time_t now);

}  // namespace trainer::tensorboard
