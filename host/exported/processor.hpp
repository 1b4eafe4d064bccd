// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace trainer::exported {

/// What this machine lacks to run code for processors of the kind `machine` ("x86_64", "aarch64") with these
/// `features` ("avx512f"; as GCC's __builtin_cpu_supports() has them), for a sentence; empty when it can.
std::string missing_of_processor(const std::string& machine, const std::vector<std::string>& features);

}  // namespace trainer::exported
