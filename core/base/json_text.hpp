// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

namespace trainer::json {

/// What parse_file() parses: a file in UTF-8 of at most 512 MiB, without the mark that editors on Windows begin it
/// with.
std::string read_json_text(const std::filesystem::path& path);

}  // namespace trainer::json
