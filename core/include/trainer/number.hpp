// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <type_traits>

#include "trainer/json.hpp"

namespace trainer {

/// A Python number: an int or a float. trainer_state.json writes `500` and `500.0` differently, and
/// keeps what it was given.
class Number {
 public:
  template <typename T, typename = std::enable_if_t<std::is_arithmetic_v<T>>>
  Number(T v) : value_(static_cast<double>(v)), integral_(std::is_integral_v<T>) {}

  operator double() const { return value_; }
  bool is_integer() const { return integral_; }
  json::value to_json() const {
    return integral_ ? json::value(static_cast<std::int64_t>(value_)) : json::value(value_);
  }

 private:
  double value_;
  bool integral_;
};

}  // namespace trainer
