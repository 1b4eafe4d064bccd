// SPDX-License-Identifier: Apache-2.0
//
// interpreter.hpp - which Python runs a callback, and in which environment.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace trainer::plugins {

#if defined(_WIN32)
inline constexpr const char *usual_python = "python", *python_in_environment = "Scripts/python.exe";
#else
inline constexpr const char *usual_python = "python3", *python_in_environment = "bin/python";
#endif

/// The user's Python: `configured` (may be empty), TRAINER_PYTHON, that of the active virtual
/// environment, `python3` in PATH.
std::string choose_python(std::string_view configured);

/// Our environment with `changed` variables (shared/system/environment.hpp) and without what a launcher of distributed
/// runs sets: a Python process that sees RANK and WORLD_SIZE waits for others that never come.
std::vector<std::string> child_environment(const std::map<std::string, std::string>& changed = {});

/// The command that reads the bridge's modules from descriptor 3 and runs them.
std::vector<std::string> python_command(const std::string& python);

/// The modules of trainer_bridge/ as a JSON object, {"name": "source"}.
std::string bridge_modules();

}  // namespace trainer::plugins
