// SPDX-License-Identifier: Apache-2.0
#include "formats/python_value.hpp"

#include <ATen/core/Dict.h>
#include <ATen/core/List.h>
#include <ATen/core/jit_type.h>

#include "trainer/error.hpp"

namespace trainer::python {
namespace {

[[noreturn]] void wrong_kind(const c10::IValue& value, std::string_view where, std::string_view expected) {
  throw_run(error_id::checkpoint_damaged,
            std::string(where) + ": found " + value.tagKind() + ", expected " + std::string(expected) +
                "; the file belongs to another kind of run or is damaged, so resume from another "
                "checkpoint");
}

}  // namespace

Dict make_dict() { return Dict(c10::AnyType::get(), c10::AnyType::get()); }

List make_list() { return List(c10::AnyType::get()); }

List make_list(const std::vector<double>& numbers) {
  List out = make_list();
  for (double number : numbers) out.push_back(number);
  return out;
}

List make_list(const std::vector<Number>& numbers) {
  List out = make_list();
  for (const Number& number : numbers) out.push_back(make_number(number));
  return out;
}

c10::IValue make_number(const Number& number) {
  if (number.is_integer()) return static_cast<std::int64_t>(static_cast<double>(number));
  return static_cast<double>(number);
}

Dict dict(const c10::IValue& value, std::string_view where) {
  if (!value.isGenericDict()) wrong_kind(value, where, "a dict");
  return value.toGenericDict();
}

List list(const c10::IValue& value, std::string_view where) {
  if (!value.isList()) wrong_kind(value, where, "a list");
  return value.toList();
}

std::int64_t integer(const c10::IValue& value, std::string_view where) {
  if (!value.isInt()) wrong_kind(value, where, "an integer");
  return value.toInt();
}

Number number(const c10::IValue& value, std::string_view where) {
  if (value.isInt()) return value.toInt();
  if (!value.isDouble()) wrong_kind(value, where, "a number");
  return value.toDouble();
}

std::string text(const c10::IValue& value, std::string_view where) {
  if (!value.isString()) wrong_kind(value, where, "a string");
  return value.toStringRef();
}

bool boolean(const c10::IValue& value, std::string_view where) {
  if (!value.isBool()) wrong_kind(value, where, "True or False");
  return value.toBool();
}

std::vector<Number> numbers(const c10::IValue& value, std::string_view where) {
  const List items = list(value, where);
  std::vector<Number> out;
  for (std::size_t i = 0; i < items.size(); ++i) out.push_back(number(items.get(i), where));
  return out;
}

c10::IValue to_cpu(const c10::IValue& value, const c10::IValue* copy) {
  if (value.isTensor()) {
    const at::Tensor tensor = value.toTensor().detach();
    if (copy && copy->isTensor()) {
      at::Tensor memory = copy->toTensor();
      if (memory.scalar_type() == tensor.scalar_type() && memory.sizes() == tensor.sizes() &&
          memory.strides() == tensor.strides())
        return memory.copy_(tensor);
    }
    return tensor.to(at::kCPU, /*non_blocking=*/false, /*copy=*/copy != nullptr);
  }
  const auto inner = [&](const c10::IValue& item, const c10::IValue& memory) {
    return to_cpu(item, copy ? &memory : nullptr);
  };
  if (value.isGenericDict()) {
    Dict out = make_dict();
    for (const auto& entry : value.toGenericDict()) {
      c10::IValue memory;
      if (copy && copy->isGenericDict())
        if (const auto found = copy->toGenericDict().find(entry.key()); found != copy->toGenericDict().end())
          memory = found->value();
      out.insert(entry.key(), inner(entry.value(), memory));
    }
    return out;
  }
  if (value.isList()) {
    List out = make_list();
    for (const c10::IValue& item : value.toListRef()) {
      const bool there = copy && copy->isList() && out.size() < copy->toListRef().size();
      out.push_back(inner(item, there ? copy->toListRef()[out.size()] : c10::IValue()));
    }
    return out;
  }
  if (value.isTuple()) {
    std::vector<c10::IValue> items;
    for (const c10::IValue& item : value.toTupleRef().elements()) items.push_back(inner(item, {}));
    return c10::ivalue::Tuple::create(std::move(items));
  }
  return value;
}

std::optional<c10::IValue> find(const Dict& dict, std::string_view key) {
  const auto entry = dict.find(std::string(key));
  if (entry == dict.end()) return std::nullopt;
  return entry->value();
}

c10::IValue member(const Dict& dict, std::string_view key, std::string_view where) {
  if (auto value = find(dict, key)) return *value;
  throw_run(error_id::checkpoint_damaged,
            std::string(where) + ": has no '" + std::string(key) +
                "'; the file belongs to another kind of run or is damaged, so resume from another "
                "checkpoint");
}

}  // namespace trainer::python
