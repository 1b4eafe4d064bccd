// SPDX-License-Identifier: Apache-2.0
//
// Cells and rows of CSV as RFC 4180 has it, in text: put together for writing, taken apart for reading.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace trainer::plugins::csv_text {

/// Appends a cell, in quotes when it needs them. An empty text is written as "", a missing cell not
/// at all. `separator`: what stands between cells, a tab in TSV.
void append_text_cell(std::string& out, std::string_view text, char separator = ',');

/// The cells of one row, without quotes; `row` has no line end.
std::vector<std::string> split_row(std::string_view row);

}  // namespace trainer::plugins::csv_text
