// SPDX-License-Identifier: Apache-2.0
//
// What the command prints for people: each line goes through on_one_line(), whatever names and texts it holds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace trainer::command {

std::string number_text(double v);                                ///< six digits
std::string count_text(std::int64_t n, const std::string& what);  ///< "1 row", "2 rows"
std::string json_text(const std::string& text);                   ///< in double quotes
std::string shell_word(const std::string& word);                  ///< as a shell takes it

std::string file_url(const std::filesystem::path& path);  ///< "file:///home/me/my%20run/report.html"

void print_line(const std::string& line);       ///< to stdout
void print_error(const std::string& sentence);  ///< to stderr, behind "error: "

/// Rows to stdout, their cells one below another. With a `width` the last cell of each goes on below itself where a
/// line would be longer.
void print_table(std::vector<std::vector<std::string>> rows, std::size_t width = 0);

}  // namespace trainer::command
