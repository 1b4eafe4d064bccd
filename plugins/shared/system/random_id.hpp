// SPDX-License-Identifier: Apache-2.0
//
// Names that no other run has. From the system's source: the run's seed must not give two runs one name.
#pragma once

#include <cstdint>
#include <string>

namespace trainer::plugins {

std::uint64_t random_below(std::uint64_t limit);  ///< 0 to limit - 1
std::string random_id(std::size_t length);        ///< of 0-9 and a-z
std::string random_hex(std::size_t length);       ///< of 0-9 and a-f
std::string uuid4();                              ///< as Python's str(uuid.uuid4())

}  // namespace trainer::plugins
