// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/function_schema.h>

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "exported/graph.hpp"
#include "exported/program_json.hpp"

namespace trainer::exported {

/// The values of a graph by name.
class Names {
 public:
  int require(const ProgramJson& name) const;  ///< an Error for one that nothing gave before
  void set(std::string_view name, int slot) { slots_.insert_or_assign(std::string(name), slot); }

 private:
  std::map<std::string, int, std::less<>> slots_;
};

/// The argument of an operator, of the type that its schema wants: a number where it wants a tensor becomes one that
/// counts as a number when types are promoted, as in Python. Any device is the CPU until the model is moved. An Error
/// for what does not fit.
Argument read_argument(const ProgramJson& argument, const c10::Argument& wanted, const Names& names);

/// The operand of a number function: a number, or the slot of one.
Argument read_operand(const ProgramJson& argument, const Names& names);

/// A number as the tensor that Python makes of it.
at::Tensor wrapped_number(const c10::IValue& number);

}  // namespace trainer::exported
