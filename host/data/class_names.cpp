// SPDX-License-Identifier: Apache-2.0
#include "trainer/class_names.hpp"

#include <algorithm>
#include <cmath>

#include "data/cell_number.hpp"
#include "trainer/error.hpp"

namespace trainer {
namespace {

bool smaller(const std::string& a, const std::string& b) {
  const auto x = cell_integer(a), y = cell_integer(b);
  return x && y ? *x < *y : *cell_number(a) < *cell_number(b);
}

}  // namespace

ClassNames ClassNames::numbered(std::int64_t count) {
  ClassNames out;
  out.numbered_ = count;
  return out;
}

ClassNames ClassNames::sorted(const std::vector<std::string>& cells) {
  const bool numbers = std::all_of(cells.begin(), cells.end(), [](const auto& cell) {
    const auto number = cell_number(cell);
    return number && std::isfinite(*number);
  });
  std::vector<std::string> names = cells;
  if (numbers) std::transform(names.begin(), names.end(), names.begin(), canonical_cell);
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  if (numbers) std::sort(names.begin(), names.end(), smaller);
  ClassNames out;
  out.set_names(std::move(names), numbers);
  return out;
}

void ClassNames::set_names(std::vector<std::string> names, bool numbers) {
  numbered_.reset();
  numbers_ = numbers;
  names_ = std::move(names);
  for (std::size_t i = 0; i < names_.size(); ++i) index_.emplace(names_[i], static_cast<std::int64_t>(i));
}

std::string ClassNames::name(std::int64_t index) const {
  return numbered_ ? std::to_string(index) : names_.at(static_cast<std::size_t>(index));
}

std::vector<std::string> ClassNames::first_names(std::int64_t limit) const {
  std::vector<std::string> out;
  for (std::int64_t i = 0; i < std::min(size(), limit); ++i) out.push_back(name(i));
  if (size() > limit) out.emplace_back("...");
  return out;
}

std::optional<std::int64_t> ClassNames::find(std::string_view cell) const {
  if (numbered_) {
    const auto whole = cell_integer(cell);
    return whole && *whole >= 0 && *whole < *numbered_ ? whole : std::nullopt;
  }
  const auto found = index_.find(numbers_ ? canonical_cell(cell) : std::string(cell));
  return found == index_.end() ? std::nullopt : std::optional(found->second);
}

json::value ClassNames::to_json() const {
  if (numbered_) return *numbered_;
  json::array out;
  for (const auto& name : names_) {
    if (!numbers_)
      out.emplace_back(name);
    else if (const auto whole = cell_integer(name))
      out.emplace_back(*whole);
    else
      out.emplace_back(*cell_number(name));
  }
  return out;
}

ClassNames ClassNames::from_json(const json::value& v, std::string_view where) {
  const auto wrong = [&] {
    throw_usage(error_id::checkpoint_damaged,
                std::string(where) + " is " + json::dump(v) +
                    ", expected a number of classes, or a list of different texts or numbers; take another checkpoint");
  };
  if (v.is_int64() && v.get_int64() >= 0) return numbered(v.get_int64());
  if (!v.is_array()) wrong();
  const auto& list = v.get_array();
  const bool numbers = std::all_of(list.begin(), list.end(), [](const auto& name) { return name.is_number(); });
  std::vector<std::string> names;
  for (const auto& name : list) {
    if (!numbers && !name.is_string()) wrong();
    names.push_back(numbers ? canonical_cell(json::dump(name)) : std::string(name.get_string()));
  }
  ClassNames out;
  out.set_names(std::move(names), numbers);
  if (out.index_.size() != out.names_.size()) wrong();
  return out;
}

}  // namespace trainer
