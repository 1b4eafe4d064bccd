// SPDX-License-Identifier: Apache-2.0
#include "command/print.hpp"

#include <algorithm>
#include <iostream>

#include "trainer/error.hpp"

namespace trainer::command {

void print_line(const std::string& line) { std::cout << on_one_line(line) << "\n"; }

void print_error(const std::string& sentence) { std::cerr << "error: " << on_one_line(sentence) << "\n"; }

void print_table(std::vector<std::vector<std::string>> rows) {
  std::vector<std::size_t> widths;
  for (auto& row : rows)
    for (std::size_t i = 0; i < row.size(); ++i) {
      row[i] = on_one_line(row[i]);
      widths.resize(std::max(widths.size(), i + 1));
      widths[i] = std::max(widths[i], row[i].size());
    }
  for (const auto& row : rows) {
    std::string text;
    for (std::size_t i = 0; i < row.size(); ++i)
      text += row[i] + (i + 1 < row.size() ? std::string(widths[i] + 2 - row[i].size(), ' ') : "");
    std::cout << text << "\n";
  }
}

}  // namespace trainer::command
