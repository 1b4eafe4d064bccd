// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

namespace trainer::plugins {

/// Makes the link, in one step, where the system has links; whether it did.
bool replace_link(const std::filesystem::path& link, const std::filesystem::path& target);

/// A program on PATH, or empty.
std::filesystem::path find_program(const std::string& name);

/// Starts `arguments` with its output in `log` and waits for at most `limit`; it goes on after
/// that. Its exit status, -1 when it still runs, -2 when it could not be started.
int run_program(const std::vector<std::string>& arguments, const std::filesystem::path& log,
                std::chrono::duration<double> limit);

}  // namespace trainer::plugins
