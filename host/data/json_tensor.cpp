// SPDX-License-Identifier: Apache-2.0
#include "data/json_tensor.hpp"

#include <ATen/ATen.h>

#include <vector>

#include "trainer/error.hpp"

namespace trainer {
namespace {

class Cell {
 public:
  Cell(const json::value& value, const std::function<std::string()>& where) : where_(where) { walk(value, 0); }

  at::ScalarType own_type() const { return reals_ ? at::kFloat : booleans_ ? at::kBool : at::kLong; }
  bool empty() const { return numbers_.empty(); }

  at::Tensor tensor(at::ScalarType type) const {
    if (!empty() && type == at::kBool && !booleans_) refuse(*numbers_[0], "true or false, as in the rows before");
    if (!empty() && type != at::kBool && booleans_) refuse(*numbers_[0], "numbers, as in the rows before");
    if (type == at::kBool) return filled<bool>(type, [](const json::value& v) { return v.get_bool(); });
    if (type == at::kFloat)
      return filled<float>(type, [](const json::value& v) { return static_cast<float>(v.to_number<double>()); });
    return filled<std::int64_t>(type, [this](const json::value& v) {
      if (v.is_double())
        refuse(v,
               "a whole number, as in the rows before; write those of a column of fractions as 1.0 from the first row "
               "on");
      return v.get_int64();
    });
  }

 private:
  template <typename T, typename F>
  at::Tensor filled(at::ScalarType type, F&& number) const {
    at::Tensor out = at::empty(shape_, at::TensorOptions(type));
    T* to = out.mutable_data_ptr<T>();
    for (const json::value* v : numbers_) *to++ = number(*v);
    return out;
  }

  [[noreturn]] void refuse(const json::value& v, const std::string& expected) const {
    throw_usage(error_id::data_invalid, where_() + " is " + std::string(json::kind_name(v)) + " (" +
                                            json::dump(v).substr(0, 60) + "), expected " + expected);
  }

  void walk(const json::value& v, std::size_t depth) {
    if (v.is_array()) {
      const auto size = static_cast<std::int64_t>(v.get_array().size());
      if (depth == shape_.size() && !deepest_) shape_.push_back(size);
      if (depth >= shape_.size()) refuse(v, "a number, as beside it");
      if (shape_[depth] != size)
        refuse(v, "a list of " + std::to_string(shape_[depth]) +
                      ", as long as the one beside it; of each column only " +
                      "the outermost lists may differ in length from row to row");
      if (size == 0) deepest_ = true;
      for (const auto& item : v.get_array()) walk(item, depth + 1);
      return;
    }
    if (!v.is_bool() && !v.is_number()) refuse(v, "a number, true, false, or lists of them");
    if (depth != shape_.size()) refuse(v, "a list, as beside it");
    deepest_ = true;
    (v.is_bool() ? booleans_ : v.is_double() ? reals_ : wholes_) = true;
    if (booleans_ && (reals_ || wholes_)) refuse(v, "one kind, numbers or true and false");
    numbers_.push_back(&v);
  }

  const std::function<std::string()>& where_;
  std::vector<std::int64_t> shape_;
  std::vector<const json::value*> numbers_;  // row by row
  bool deepest_ = false;                     // no list is nested deeper than shape_
  bool booleans_ = false, wholes_ = false, reals_ = false;
};

}  // namespace

at::Tensor json_tensor(const json::value& value, std::optional<at::ScalarType>& type,
                       const std::function<std::string()>& where) {
  const Cell cell(value, where);
  if (!type && !cell.empty()) type = cell.own_type();
  return cell.tensor(type.value_or(at::kFloat));
}

}  // namespace trainer
