// SPDX-License-Identifier: Apache-2.0
#include "data/csv_labels.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "base/text.hpp"
#include "data/cell_number.hpp"
#include "trainer/error.hpp"
#include "trainer/log.hpp"

namespace trainer {
namespace {

std::string expected_below(std::int64_t classes) { return "expected a class from 0 to " + std::to_string(classes - 1); }

}  // namespace

std::string CsvLabels::place(std::size_t line, std::string_view cell, std::size_t target) const {
  const std::string& name = options_.targets.empty() ? options_.target : options_.targets[target];
  return text_.at(line) + ", column " + shown(name) + " is " + shown(cell);
}

void CsvLabels::begin_row() {
  if (options_.labels == Labels::regression) numbers_.resize(numbers_.size() + width_);
}

void CsvLabels::add(std::string_view cell, std::size_t target) {
  if (options_.labels == Labels::regression)
    add_number(cell, target);
  else
    add_class(cell);
}

void CsvLabels::add_number(std::string_view cell, std::size_t target) {
  const auto number = cell_number(cell);
  if (!number || (options_.labels_optional && !std::isfinite(*number)))
    throw_usage(error_id::data_invalid,
                place(text_.line(), cell, target) + ", expected a number; correct or remove the line");
  const auto value = static_cast<float>(*number);
  if (!std::isfinite(value) && not_finite_.count++ == 0)
    not_finite_.line = text_.line(), not_finite_.cell = cell, not_finite_.target = target;
  numbers_[numbers_.size() - width_ + target] = value;
}

void CsvLabels::add_class(std::string_view cell) {
  const auto [found, is_new] = index_.emplace(cell, static_cast<std::int32_t>(cells_.size()));
  if (is_new && cell_integer(cell) == options_.ignore_index) found->second = -1;
  values_.push_back(found->second);
  if (!is_new || found->second < 0) return;
  if (is_missing(cell) || !is_utf8(cell))
    throw_usage(error_id::data_invalid, place(text_.line(), cell) +
                                            ", expected a class: a number, or a text in UTF-8; correct or remove the "
                                            "line, or write " +
                                            std::to_string(options_.ignore_index) + " to have it ignored");
  cells_.push_back(found->first);
  lines_.push_back(text_.line());
}

ClassNames CsvLabels::own_classes() const {
  std::int64_t most = -1;
  std::int64_t least = options_.classes;
  std::size_t odd = cells_.size();  // the first that is no class as it stands
  for (std::size_t i = 0; i < cells_.size(); ++i) {
    const auto whole = cell_integer(cells_[i]);
    if (!whole || *whole < 0 || (options_.classes && *whole >= options_.classes)) {
      odd = std::min(odd, i);
    } else {
      most = std::max(most, *whole);
      least = i == 0 ? *whole : std::min(least, *whole);
    }
  }
  if (odd == cells_.size() && (options_.classes || least == 0))
    return ClassNames::numbered(options_.classes ? options_.classes : most + 1);
  ClassNames out = ClassNames::sorted(cells_);
  if (options_.classes && out.size() != options_.classes)
    throw_usage(error_id::data_invalid,
                place(lines_[odd], cells_[odd]) + ", " + expected_below(options_.classes) + ", or any " +
                    std::to_string(options_.classes) + " classes, but the file has " + std::to_string(out.size()) +
                    " (" + join(out.first_names(10)) + "); correct the label, or " +
                    (out.size() == 1 ? "add rows of other classes"
                                     : "make the last of model.layers " + std::to_string(out.size())));
  return out;
}

at::Tensor CsvLabels::finish(ClassNames& classes) const {
  if (options_.labels == Labels::regression) {
    if (not_finite_.count)
      log::warning(place(not_finite_.line, not_finite_.cell, not_finite_.target) + ", which is not finite" +
                   (not_finite_.count > 1 ? ", and so are " + std::to_string(not_finite_.count - 1) + " others" : "") +
                   "; neither is the loss of a batch with such a row: correct or remove the line");
    const auto width = static_cast<std::int64_t>(width_);
    auto labels = at::empty({static_cast<std::int64_t>(numbers_.size()) / width, width}, at::kFloat);
    std::copy(numbers_.begin(), numbers_.end(), labels.data_ptr<float>());
    return labels;
  }
  if (classes.empty()) classes = own_classes();
  std::vector<std::int64_t> numbers;
  for (std::size_t i = 0; i < cells_.size(); ++i) {
    const auto number = classes.find(cells_[i]);
    if (!number)
      throw_usage(error_id::data_invalid, place(lines_[i], cells_[i]) + ", expected one of the " +
                                              std::to_string(classes.size()) + " classes of the model (" +
                                              join(classes.first_names(10)) + "); correct or remove the line");
    numbers.push_back(*number);
  }
  auto labels = at::empty({static_cast<std::int64_t>(values_.size())}, at::kLong);
  auto* out = labels.data_ptr<std::int64_t>();
  for (const auto value : values_)
    *out++ = value < 0 ? options_.ignore_index : numbers[static_cast<std::size_t>(value)];
  return labels;
}

}  // namespace trainer
