// SPDX-License-Identifier: Apache-2.0
#include "data/lengths.hpp"

#include <ATen/ATen.h>

#include <algorithm>

#include "data/failure.hpp"
#include "trainer/dataset.hpp"

namespace trainer {
namespace {

constexpr std::int64_t rows_at_once = 1024;

// Of the named column single numbers are lengths themselves.
std::int64_t length_of(const at::Tensor& cell, bool named) {
  if (cell.dim() > 0) return cell.size(0);
  if (!named || !at::isIntegralType(cell.scalar_type(), false)) return -1;
  return cell.item<std::int64_t>();
}

}  // namespace

std::vector<std::int64_t> lengths_of_rows(const at::Tensor& lengths, const std::string& who) {
  if (!lengths.defined() || lengths.dim() != 1 || !at::isIntegralType(lengths.scalar_type(), false))
    throw_usage(error_id::data_invalid, who + " was given the lengths " + tensor_text(lengths) +
                                            ", expected a whole number for each row; give lengths [N] int64");
  const at::Tensor numbers = lengths.to(at::kCPU, at::kLong).contiguous();
  const auto* begin = numbers.const_data_ptr<std::int64_t>();
  return {begin, begin + numbers.numel()};
}

void refuse_lengths(const std::string& place, const std::string& column) {
  throw_usage(error_id::data_invalid, place + " has neither lengths (whole numbers, or sequences) in \"" + column +
                                          "\" nor sequences in \"input_ids\"; add such a column, or name one in "
                                          "length_column_name");
}

at::Tensor Dataset::lengths(const std::string& column) const {
  const std::int64_t rows = size();
  std::vector<std::int64_t> out;
  out.reserve(static_cast<std::size_t>(rows));
  for (std::int64_t begin = 0; begin < rows; begin += rows_at_once)
    for (const Row& row : get_rows(at::arange(begin, std::min(begin + rows_at_once, rows), at::kLong))) {
      const bool named = row[column].defined();
      const at::Tensor& cell = named ? row[column] : row["input_ids"];
      out.push_back(cell.defined() ? length_of(cell, named) : -1);
      if (out.back() < 0) refuse_lengths("row " + std::to_string(out.size() - 1) + " of the dataset", column);
    }
  return at::tensor(out, at::kLong);
}

}  // namespace trainer
