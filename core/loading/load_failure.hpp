// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

namespace trainer {

/// Throws the loader's text of why `path` could not be loaded, on Windows its number, as a sentence of ours.
[[noreturn]] void refuse_loading(const std::filesystem::path& path, const std::string& loader_text);

}  // namespace trainer
