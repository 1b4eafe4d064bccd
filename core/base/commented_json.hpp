// SPDX-License-Identifier: Apache-2.0
//
// JSON that people write: comments (// and /* */) and a comma behind the last item, as in JSON5 and VS Code's files.
#pragma once

#include <filesystem>
#include <string>

#include "trainer/json.hpp"

namespace trainer::json {

/// The text with spaces for what plain JSON does not have, so that a place in it is the same place in the file. Texts
/// in quotes stay as they are.
std::string plain_json(std::string text);

/// parse_file() of such a file.
value parse_commented_file(const std::filesystem::path& path);

}  // namespace trainer::json
