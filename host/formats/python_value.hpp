// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/ivalue.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "trainer/number.hpp"

/// Python's dicts, lists and numbers as IValues: how the states of optimizers and schedulers are
/// kept and written. Containers are untyped, because torch.load refuses the typed ones.
namespace trainer::python {

using Dict = c10::impl::GenericDict;
using List = c10::impl::GenericList;

Dict make_dict();
List make_list();
List make_list(const std::vector<double>& numbers);
List make_list(const std::vector<Number>& numbers);
c10::IValue make_number(const Number& number);  ///< an int or a float, as it was given

/// Access with a run Error that starts with `where` when the value is missing or of another kind.
/// @{
Dict dict(const c10::IValue& value, std::string_view where);
List list(const c10::IValue& value, std::string_view where);
std::int64_t integer(const c10::IValue& value, std::string_view where);
Number number(const c10::IValue& value, std::string_view where);
std::string text(const c10::IValue& value, std::string_view where);
bool boolean(const c10::IValue& value, std::string_view where);
std::vector<Number> numbers(const c10::IValue& value, std::string_view where);
c10::IValue member(const Dict& dict, std::string_view key, std::string_view where);
/// @}

/// The same value with its tensors on the CPU and without graph. With `copy` they are in memory of
/// their own: that of `copy`, an earlier one or None, where the shapes are the same.
c10::IValue to_cpu(const c10::IValue& value, const c10::IValue* copy = nullptr);

/// The value of a key, or nothing when the dict lacks it.
std::optional<c10::IValue> find(const Dict& dict, std::string_view key);

}  // namespace trainer::python
