// SPDX-License-Identifier: Apache-2.0
#include "exported/argument_reader.hpp"

#include <ATen/ATen.h>
#include <ATen/core/jit_type.h>

#include <algorithm>

#include "exported/schema_types.hpp"

namespace trainer::exported {
namespace {

using Kind = Argument::Kind;
using c10::TypeKind;

c10::TypePtr without_optional(c10::TypePtr type) {
  while (const auto optional = type->cast<c10::OptionalType>()) type = optional->getElementType();
  return type;
}

bool is_int(const c10::Type& type) { return type.kind() == TypeKind::IntType || type.kind() == TypeKind::SymIntType; }
bool is_float(const c10::Type& type) { return type.kind() == TypeKind::FloatType; }

// Whether a kernel can take a constant for an argument of this type.
bool fits(const c10::IValue& value, const c10::TypePtr& wanted) {
  if (value.isNone()) return wanted->kind() == TypeKind::OptionalType;
  const auto type = without_optional(wanted);
  if (type->kind() == TypeKind::NumberType) return value.isScalar();
  if (is_int(*type)) return value.isInt();
  if (type->kind() == TypeKind::TensorType) return value.isTensor();
  if (const auto list = type->cast<c10::ListType>()) {
    const auto element = list->getElementType();
    if (is_int(*element)) return value.isIntList();
    if (is_float(*element)) return value.isDoubleList();
    if (element->kind() == TypeKind::BoolType) return value.isBoolList();
  }
  return value.type()->isSubtypeOf(*type);
}

// Kinds that hold one value which is no tensor.
std::optional<c10::IValue> read_constant(std::string_view kind, const ProgramJson& v) {
  if (kind == "as_int") return v.integer();
  if (kind == "as_float") return v.number();
  if (kind == "as_bool") return v.boolean();
  if (kind == "as_none") return c10::IValue();
  if (kind == "as_string") return std::string(v.text());
  if (kind == "as_scalar_type") return static_cast<std::int64_t>(scalar_type(v));
  if (kind == "as_layout") return static_cast<std::int64_t>(layout(v));
  if (kind == "as_memory_format") return static_cast<std::int64_t>(memory_format(v));
  if (kind == "as_device") return c10::Device(at::kCPU);
  if (kind == "as_complex") return c10::complex<double>(v.at("real").number(), v.at("imag").number());
  return std::nullopt;
}

struct Item {
  int slot = no_slot;
  c10::IValue fixed;
};

// {"as_name": ...} or a constant.
Item read_union(const ProgramJson& v, const Names& names) {
  const auto [kind, held] = v.only();
  if (kind == "as_name") return {names.require(held), {}};
  if (kind == "as_tensor") return {names.require(held.at("name")), {}};
  if (auto value = read_constant(kind, held)) return {no_slot, std::move(*value)};
  v.wrong("a name or a number");
}

// An item of a list of this kind; nothing when it is no list.
std::optional<Item> read_item(std::string_view kind, const ProgramJson& v, const Names& names) {
  if (kind == "as_ints") return Item{no_slot, v.integer()};
  if (kind == "as_floats") return Item{no_slot, v.number()};
  if (kind == "as_bools") return Item{no_slot, v.boolean()};
  if (kind == "as_tensors") return Item{names.require(v.at("name")), {}};
  if (kind == "as_sym_ints" || kind == "as_sym_floats" || kind == "as_sym_bools" || kind == "as_optional_tensors")
    return read_union(v, names);
  return std::nullopt;
}

template <typename T>
c10::IValue list_of(const std::vector<c10::IValue>& values) {
  c10::List<T> list;
  list.reserve(values.size());
  for (const auto& value : values) list.push_back(value.to<T>());
  return list;
}

Argument list_argument(Argument list, const c10::Type& element) {
  const auto all_fixed = std::all_of(list.items.begin(), list.items.end(), [](int slot) { return slot == no_slot; });
  const auto every = [&](bool (c10::IValue::*is)() const) {
    return all_fixed && std::all_of(list.fixed.begin(), list.fixed.end(), [&](const auto& v) { return (v.*is)(); });
  };
  const auto constant = [&](c10::IValue value) {
    Argument out;
    out.value = std::move(value);
    return out;
  };
  if (is_int(element)) {
    if (every(&c10::IValue::isInt)) return constant(list_of<std::int64_t>(list.fixed));
    list.kind = Kind::ints;
  } else if (is_float(element)) {
    for (auto& value : list.fixed)
      if (value.isInt()) value = static_cast<double>(value.toInt());
    if (every(&c10::IValue::isDouble)) return constant(list_of<double>(list.fixed));
    list.kind = Kind::floats;
  } else if (element.kind() == TypeKind::BoolType) {
    if (every(&c10::IValue::isBool)) return constant(list_of<bool>(list.fixed));
    list.kind = Kind::bools;
  } else {
    list.kind = element.kind() == TypeKind::OptionalType ? Kind::optional_tensors : Kind::tensors;
  }
  return list;
}

bool holds_list(const c10::TypePtr& type) { return type->kind() == TypeKind::ListType; }

}  // namespace

int Names::require(const ProgramJson& name) const {
  const auto found = slots_.find(name.text());
  if (found == slots_.end())
    refuse(name.where() + ": it reads \"" + std::string(name.text()) + "\", which nothing before it gives" + damaged);
  return found->second;
}

at::Tensor wrapped_number(const c10::IValue& number) {
  at::Tensor out = number.isInt() ? at::scalar_tensor(number.toInt(), at::kLong)
                   : number.isBool()
                       ? at::scalar_tensor(number.toBool(), at::kBool)
                       : at::scalar_tensor(number.toScalar(), number.isDouble() ? at::kDouble : at::kComplexDouble);
  out.unsafeGetTensorImpl()->set_wrapped_number(true);
  return out;
}

Argument read_operand(const ProgramJson& argument, const Names& names) {
  const auto [kind, held] = argument.only();
  Argument out;
  auto value = read_constant(kind, held);
  if (!value && kind.starts_with("as_sym_")) {
    Item item = read_union(held, names);
    out.slot = item.slot;
    value = std::move(item.fixed);
  }
  if (out.slot == no_slot && (!value || !value->isScalar())) argument.wrong("a number");
  if (out.slot != no_slot) out.kind = Kind::slot;
  out.value = std::move(*value);
  return out;
}

Argument read_argument(const ProgramJson& argument, const c10::Argument& wanted, const Names& names) {
  const auto type = without_optional(wanted.type());
  const auto [kind, held] = argument.only();
  Argument out;
  if (kind == "as_tensor" || kind == "as_optional_tensor" || kind == "as_sym_int" || kind == "as_sym_float" ||
      kind == "as_sym_bool") {
    Item item = kind == "as_tensor" ? Item{names.require(held.at("name")), {}} : read_union(held, names);
    out.slot = item.slot;
    out.value = std::move(item.fixed);
    const bool number = kind.starts_with("as_sym_");
    if (out.slot != no_slot)
      out.kind = number && type->kind() == TypeKind::TensorType ? Kind::number_to_tensor
                 : number && is_float(*type)                    ? Kind::number_to_float
                                                                : Kind::slot;
  } else if (auto value = read_constant(kind, held)) {
    out.value = std::move(*value);
    // One number for a list of a fixed length stands for all of it.
    if (const auto length = wanted.N();
        length && *length > 0 && *length < 16 && holds_list(type) && out.value.isScalar()) {
      out.items.assign(static_cast<std::size_t>(*length), no_slot);
      out.fixed.assign(out.items.size(), out.value);
      out = list_argument(std::move(out), *type->castRaw<c10::ListType>()->getElementType());
    }
  } else if (holds_list(type)) {
    for (std::size_t i = 0; i < held.size(); ++i) {
      auto item = read_item(kind, held.at(i), names);
      if (!item) break;
      out.items.push_back(item->slot);
      out.fixed.push_back(std::move(item->fixed));
    }
    if (out.items.size() != held.size())
      refuse(argument.where() + ": an argument of the kind \"" + std::string(kind) + "\" is not supported" + damaged);
    out = list_argument(std::move(out), *type->castRaw<c10::ListType>()->getElementType());
  } else {
    refuse(argument.where() + ": the argument \"" + wanted.name() + "\" is of the kind \"" + std::string(kind) +
           "\", which is not supported for one of the type " + wanted.type()->str() + damaged);
  }
  if (out.kind != Kind::constant) return out;
  if (out.value.isInt() && is_float(*type)) out.value = static_cast<double>(out.value.toInt());
  if (out.value.isScalar() && type->kind() == TypeKind::TensorType) out.value = wrapped_number(out.value);
  if (!fits(out.value, wanted.type()))
    refuse(argument.where() + ": the argument \"" + wanted.name() + "\" is of the kind \"" + std::string(kind) +
           "\", but the operator takes " + wanted.type()->str() + damaged);
  return out;
}

}  // namespace trainer::exported
