// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/ATen.h>
#include <ATen/core/ivalue.h>

#include <cstdint>
#include <string>

#include "trainer/json.hpp"

namespace trainer::test {

/// A value as text, with kinds, order, every digit and every tensor element: equal texts are equal
/// values.
inline std::string python_text(const c10::IValue& value) {
  std::string out;
  if (value.isNone()) return "None";
  if (value.isBool()) return value.toBool() ? "True" : "False";
  if (value.isInt()) return std::to_string(value.toInt());
  if (value.isDouble()) return json::repr(value.toDouble());
  if (value.isString()) return "'" + value.toStringRef() + "'";
  if (value.isTensor()) {
    const at::Tensor tensor = value.toTensor().detach().to(at::kDouble).contiguous();
    out = "tensor(" + c10::str(value.toTensor().scalar_type(), tensor.sizes());
    for (std::int64_t i = 0; i < tensor.numel(); ++i) {
      out += " " + json::repr(tensor.const_data_ptr<double>()[i]);
    }
    return out + ")";
  }
  if (value.isGenericDict()) {
    for (const auto& entry : value.toGenericDict()) {
      out += python_text(entry.key()) + ": " + python_text(entry.value()) + ",\n";
    }
    return "{" + out + "}";
  }
  if (value.isList()) {
    for (const c10::IValue& item : value.toListRef()) out += python_text(item) + ", ";
    return "[" + out + "]";
  }
  if (value.isTuple()) {
    for (const c10::IValue& item : value.toTupleRef().elements()) out += python_text(item) + ", ";
    return "(" + out + ")";
  }
  return "<" + value.tagKind() + ">";
}

}  // namespace trainer::test
