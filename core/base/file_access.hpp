// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdio>
#include <filesystem>

namespace trainer {

/// The file that a link leads to, there or not.
std::filesystem::path behind_links(std::filesystem::path path);

/// A new file, whose line ends are written as they are given; null when it cannot be made.
std::FILE* create_file(const std::filesystem::path& path);

}  // namespace trainer
