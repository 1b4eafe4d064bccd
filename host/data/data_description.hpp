// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "trainer/json.hpp"

namespace trainer {

/// The Dataset::description() that a directory with a model keeps; empty when it keeps none.
json::object kept_description(const std::filesystem::path& directory);

/// Refuses to go on with rows that are described otherwise than those that a model in `directory` learned from.
void require_same_description(const json::object& kept, const json::object& given,
                              const std::filesystem::path& directory);

}  // namespace trainer
