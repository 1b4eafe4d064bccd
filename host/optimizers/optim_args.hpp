// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "trainer/number.hpp"

namespace c10 {
struct IValue;
}

namespace trainer {

/// `optim_args` by name. As in transformers, names that the optimizer does not have are not looked
/// at.
class OptimArgs {
 public:
  explicit OptimArgs(std::string_view text);
  c10::IValue value(const char* name, const Number& fallback) const;
  bool truth(const char* name) const;  ///< "true", "1" or "yes" in any case
  void require_not_negative(std::initializer_list<const char*> names) const;

 private:
  std::optional<double> number(const char* name) const;
  const std::string* find(const char* name) const;
  std::vector<std::pair<std::string, std::string>> pairs_;
};

/// A usage Error when `value` is negative or not a number.
void require_not_negative(double value, const char* name, std::string_view where);

}  // namespace trainer
