// SPDX-License-Identifier: Apache-2.0
//
// Quotes where a cell needs them, and their undoing.
#include "shared/csv_text/csv_text.hpp"

namespace trainer::plugins::csv_text {

void append_text_cell(std::string& out, std::string_view text, char separator) {
  const char special[] = {separator, '"', '\r', '\n'};
  if (!text.empty() && text.find_first_of({special, sizeof special}) == std::string_view::npos) {
    out += text;
    return;
  }
  out += '"';
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  out += '"';
}

std::vector<std::string> split_row(std::string_view row) {
  std::vector<std::string> cells(1);
  bool quoted = false;
  for (std::size_t i = 0; i < row.size(); ++i) {
    const char c = row[i];
    if (c == '"') {
      const bool twice = quoted && i + 1 < row.size() && row[i + 1] == '"';
      if (twice)
        cells.back() += '"', ++i;
      else
        quoted = !quoted;
    } else if (c == ',' && !quoted) {
      cells.emplace_back();
    } else {
      cells.back() += c;
    }
  }
  return cells;
}

}  // namespace trainer::plugins::csv_text
