// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "validator/validator.hpp"

namespace trainer::validator {

/// Starts a worker for one test, kills it and what it started at the limit, and reads its record. A
/// worker that ends without one has failed, also with exit status 0.
Result run_in_child(const std::string& id, const Options& options, const std::vector<std::string>& program,
                    double limit_s);

/// The worker's own side: writes the one record; the exit status of the process.
int record(const Result& result);

}  // namespace trainer::validator
