// SPDX-License-Identifier: Apache-2.0
//
// Python's arithmetic of ints, floats and booleans, as far as sizes of tensors need it.
#include "exported/number_functions.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <stdexcept>

#include "exported/overflow.hpp"

namespace trainer::exported {
namespace {

using Values = std::vector<c10::IValue>;

bool is_float(const c10::IValue& v) { return v.isDouble(); }
std::int64_t as_int(const c10::IValue& v) { return v.isBool() ? static_cast<std::int64_t>(v.toBool()) : v.toInt(); }
double as_float(const c10::IValue& v) { return v.isDouble() ? v.toDouble() : static_cast<double>(as_int(v)); }
bool as_bool(const c10::IValue& v) { return is_float(v) ? v.toDouble() != 0 : as_int(v) != 0; }

const c10::IValue& arg(const Values& v, std::size_t i) {
  if (i >= v.size()) throw std::runtime_error("an operation on numbers lacks an operand");
  return v[i];
}

// Of two floats as soon as one is a float, as in Python; ints stay ints, without a silent overflow.
template <typename Ints, typename Floats>
c10::IValue arithmetic(const Values& v, Ints ints, Floats floats) {
  const auto &a = arg(v, 0), &b = arg(v, 1);
  if (is_float(a) || is_float(b)) return floats(as_float(a), as_float(b));
  return ints(as_int(a), as_int(b));
}

[[noreturn]] void overflow() { throw std::runtime_error("a number is beyond 64 bits"); }

std::int64_t floor_division(std::int64_t a, std::int64_t b) {
  if (b == 0) throw std::runtime_error("a division by zero");
  if (b == -1) {
    std::int64_t out = 0;
    if (sub_overflows(std::int64_t{0}, a, &out)) overflow();
    return out;
  }
  const std::int64_t quotient = a / b;
  return a % b != 0 && (a < 0) != (b < 0) ? quotient - 1 : quotient;
}

std::int64_t power(std::int64_t base, std::int64_t exponent) {
  if (exponent < 0) throw std::runtime_error("a negative power of a whole number");
  std::int64_t out = 1;
  // Beyond the first 64 factors only 0, 1 and -1 do not overflow, and these repeat.
  for (std::int64_t left = exponent > 64 ? 64 + exponent % 2 : exponent; left > 0; --left)
    if (mul_overflows(out, base, &out)) overflow();
  return out;
}

std::int64_t whole(double number) {
  if (!(std::abs(number) < 9.2e18)) overflow();
  return static_cast<std::int64_t>(number);
}

c10::IValue truncated(const Values& v) {
  return is_float(arg(v, 0)) ? whole(std::trunc(v[0].toDouble())) : as_int(v[0]);
}

#define TRAINER_COMPARISON(op)                                                 \
  [](const Values& v) -> c10::IValue {                                         \
    return arithmetic(                                                         \
        v, [](std::int64_t a, std::int64_t b) { return c10::IValue(a op b); }, \
        [](double a, double b) { return c10::IValue(a op b); });               \
  }
#define TRAINER_ARITHMETIC(builtin, op)                          \
  [](const Values& v) -> c10::IValue {                           \
    return arithmetic(                                           \
        v,                                                       \
        [](std::int64_t a, std::int64_t b) {                     \
          std::int64_t out = 0;                                  \
          if (builtin(a, b, &out)) overflow();                   \
          return c10::IValue(out);                               \
        },                                                       \
        [](double a, double b) { return c10::IValue(a op b); }); \
  }

struct NamedFunction {
  std::string_view name;
  NumberFunction function;
};

const std::array<NamedFunction, 27> named_functions{{
    {"_operator.eq", TRAINER_COMPARISON(==)},
    {"_operator.ne", TRAINER_COMPARISON(!=)},
    {"_operator.le", TRAINER_COMPARISON(<=)},
    {"_operator.ge", TRAINER_COMPARISON(>=)},
    {"_operator.lt", TRAINER_COMPARISON(<)},
    {"_operator.gt", TRAINER_COMPARISON(>)},
    {"_operator.add", TRAINER_ARITHMETIC(add_overflows, +)},
    {"_operator.sub", TRAINER_ARITHMETIC(sub_overflows, -)},
    {"_operator.mul", TRAINER_ARITHMETIC(mul_overflows, *)},
    {"_operator.floordiv",
     [](const Values& v) -> c10::IValue {
       return arithmetic(
           v, [](std::int64_t a, std::int64_t b) { return c10::IValue(floor_division(a, b)); },
           [](double a, double b) { return c10::IValue(std::floor(a / b)); });
     }},
    {"_operator.mod",
     [](const Values& v) -> c10::IValue {
       return arithmetic(
           v,
           [](std::int64_t a, std::int64_t b) {
             if (b == -1) return c10::IValue(std::int64_t{0});
             const auto quotient = floor_division(a, b);
             return c10::IValue(a - b * quotient);
           },
           [](double a, double b) { return c10::IValue(a - b * std::floor(a / b)); });
     }},
    {"_operator.truediv", [](const Values& v) -> c10::IValue { return as_float(arg(v, 0)) / as_float(arg(v, 1)); }},
    {"_operator.pow",
     [](const Values& v) -> c10::IValue {
       return arithmetic(
           v, [](std::int64_t a, std::int64_t b) { return c10::IValue(power(a, b)); },
           [](double a, double b) { return c10::IValue(std::pow(a, b)); });
     }},
    {"_operator.neg",
     [](const Values& v) -> c10::IValue {
       if (is_float(arg(v, 0))) return -v[0].toDouble();
       return floor_division(as_int(v[0]), -1);
     }},
    {"_operator.pos",
     [](const Values& v) -> c10::IValue {
       if (is_float(arg(v, 0))) return v[0];
       return as_int(v[0]);
     }},
    {"_operator.and_",
     [](const Values& v) -> c10::IValue {
       if (arg(v, 0).isBool() && arg(v, 1).isBool()) return v[0].toBool() && v[1].toBool();
       return as_int(v[0]) & as_int(arg(v, 1));
     }},
    {"_operator.or_",
     [](const Values& v) -> c10::IValue {
       if (arg(v, 0).isBool() && arg(v, 1).isBool()) return v[0].toBool() || v[1].toBool();
       return as_int(v[0]) | as_int(arg(v, 1));
     }},
    {"_operator.lshift",
     [](const Values& v) -> c10::IValue {
       std::int64_t out = 0;
       const auto by = as_int(arg(v, 1));
       if (by < 0 || by > 62 || mul_overflows(as_int(v[0]), std::int64_t{1} << by, &out)) overflow();
       return out;
     }},
    {"_operator.rshift",
     [](const Values& v) -> c10::IValue {
       const auto by = as_int(arg(v, 1));
       if (by < 0) overflow();
       return as_int(v[0]) >> std::min<std::int64_t>(by, 63);
     }},
    {"math.trunc", truncated},
    {"torch.sym_int", truncated},
    {"torch.sym_float", [](const Values& v) -> c10::IValue { return as_float(arg(v, 0)); }},
    {"torch.sym_not", [](const Values& v) -> c10::IValue { return !as_bool(arg(v, 0)); }},
    {"torch.sym_ite", [](const Values& v) -> c10::IValue { return as_bool(arg(v, 0)) ? arg(v, 1) : arg(v, 2); }},
    {"torch.sym_max",
     [](const Values& v) -> c10::IValue {
       return arithmetic(
           v, [](std::int64_t a, std::int64_t b) { return c10::IValue(std::max(a, b)); },
           [](double a, double b) { return c10::IValue(std::max(a, b)); });
     }},
    {"torch.sym_min",
     [](const Values& v) -> c10::IValue {
       return arithmetic(
           v, [](std::int64_t a, std::int64_t b) { return c10::IValue(std::min(a, b)); },
           [](double a, double b) { return c10::IValue(std::min(a, b)); });
     }},
    {"torch._sym_sqrt", [](const Values& v) -> c10::IValue { return std::sqrt(as_float(arg(v, 0))); }},
}};

#undef TRAINER_COMPARISON
#undef TRAINER_ARITHMETIC

}  // namespace

NumberFunction number_function(std::string_view target) {
  for (const auto& [name, function] : named_functions)
    if (name == target) return function;
  return nullptr;
}

}  // namespace trainer::exported
