// SPDX-License-Identifier: Apache-2.0
//
// What a page of an earlier part of the run still knows.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include "report/run.hpp"

namespace trainer::html {

/// The run of the page up to `last_step`: its curves, the time of its logs, checkpoints, events and warnings. Nothing
/// where there is no such page, or it cannot be read.
std::optional<report::Run> read_page(const std::filesystem::path& path, std::int64_t last_step);

}  // namespace trainer::html
