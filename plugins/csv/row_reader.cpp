// SPDX-License-Identifier: Apache-2.0
//
// Reads whole rows, whose cells may have line ends in quotes.
#include "row_reader.hpp"

#include <algorithm>
#include <stdexcept>
#include <trainer/sdk/path.hpp>

namespace trainer::csv {

RowReader::RowReader(const std::filesystem::path& path) : in_(path, std::ios::binary) {
  if (!in_) throw std::runtime_error(sdk::text_of(path) + " could not be read; make it readable");
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
