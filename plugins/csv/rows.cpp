// SPDX-License-Identifier: Apache-2.0
#include "rows.hpp"

#include <algorithm>
#include <stdexcept>

namespace trainer::csv {

void append_text_cell(std::string& out, std::string_view text) {
  if (!text.empty() && text.find_first_of(",\"\r\n") == std::string_view::npos) {
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

RowReader::RowReader(const std::filesystem::path& path) : in_(path, std::ios::binary) {
  if (!in_) throw std::runtime_error(path.string() + " could not be read; make it readable");
}

bool RowReader::next(std::string& row) {
  row.clear();
  std::uint64_t bytes = 0;
  // A line's end is the row's end unless it stands in quotes; a quote in a cell is doubled, so that
  // the number of quotes decides.
  for (bool quoted = false; std::getline(in_, line_) && !in_.eof();) {
    bytes += line_.size() + 1;
    quoted ^= std::count(line_.begin(), line_.end(), '"') % 2 != 0;
    row += line_;
    if (quoted) {
      row += '\n';
      continue;
    }
    if (!row.empty() && row.back() == '\r') row.pop_back();
    end_ += bytes;
    return true;
  }
  // Not the file's end but a disk that cannot be read: nothing may be cut on the strength of that.
  if (in_.bad()) throw std::runtime_error("metrics could not be read to the end; check the disk");
  return false;
}

}  // namespace trainer::csv
