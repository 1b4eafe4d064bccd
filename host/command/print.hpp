// SPDX-License-Identifier: Apache-2.0
//
// What the command prints for people: each line goes through on_one_line(), whatever names and texts it holds.
#pragma once

#include <string>
#include <vector>

namespace trainer::command {

void print_line(const std::string& line);       ///< to stdout
void print_error(const std::string& sentence);  ///< to stderr, behind "error: "

/// Rows to stdout, their cells one below another.
void print_table(std::vector<std::vector<std::string>> rows);

}  // namespace trainer::command
