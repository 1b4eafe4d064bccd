// SPDX-License-Identifier: Apache-2.0
//
// Moves the values of arguments between JSON, text and fields, and checks their types and rules.
#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <limits>

#include "arguments/training_arguments_table.hpp"
#include "base/text.hpp"
#include "trainer/error.hpp"

namespace trainer::arguments {
namespace {

bool is_none(std::string_view text) {
  const std::string word = lower(text);
  return word == "none" || word == "null";
}

// The words of transformers' string_to_bool, and on/off.
std::optional<bool> parse_bool(std::string_view text) {
  const std::string word = lower(text);
  for (const char* yes : {"true", "yes", "t", "y", "1", "on"})
    if (word == yes) return true;
  for (const char* no : {"false", "no", "f", "n", "0", "off"})
    if (word == no) return false;
  return std::nullopt;
}

template <typename T>
std::optional<T> parse_number(std::string_view text) {
  if (text.size() > 1 && text[0] == '+' && text[1] != '-') text.remove_prefix(1);
  T number{};
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc{} || stop != end) return std::nullopt;
  return number;
}

template <typename T>
std::optional<json::value> as_value(const std::optional<T>& v) {
  return v ? std::optional<json::value>(json::value(*v)) : std::nullopt;
}

json::value string_value(std::string_view text) { return boost::json::string(text); }
std::string plain(const boost::json::string& text) { return {text.data(), text.size()}; }

// The comma of "csv@>=1.2,<2" separates no names.
std::size_t next_comma(std::string_view text) {
  auto comma = text.find(',');
  while (comma != text.npos && text.substr(0, comma).find('@') != text.npos) {
    const auto next = text.find_first_not_of(' ', comma + 1);
    if (next == text.npos || std::string_view("<=>").find(text[next]) == std::string_view::npos) break;
    comma = text.find(',', next);
  }
  return comma;
}

json::value split(std::string_view text) {
  json::array out;
  while (true) {
    const auto comma = next_comma(text);
    auto item = text.substr(0, comma);
    while (!item.empty() && item.front() == ' ') item.remove_prefix(1);
    while (!item.empty() && item.back() == ' ') item.remove_suffix(1);
    out.push_back(string_value(item));
    if (comma == text.npos) return out;
    text.remove_prefix(comma + 1);
  }
}

// transformers' _convert_str_dict: in a dict that came as text, texts that look like a bool or a number
// become one. "1e-3" does not.
void convert_texts(json::object& dict) {
  for (auto& entry : dict) {
    if (auto* nested = entry.value().if_object()) convert_texts(*nested);
    if (!entry.value().is_string()) continue;
    const std::string text = plain(entry.value().get_string());
    const std::string word = lower(text);
    const auto digits = std::count_if(text.begin(), text.end(), [](unsigned char c) { return std::isdigit(c) != 0; });
    const auto others = static_cast<std::ptrdiff_t>(text.size()) - digits;
    if (word == "true" || word == "false") {
      entry.value() = word == "true";
    } else if (digits > 0 && others == 0 && parse_number<std::int64_t>(text)) {
      entry.value() = *parse_number<std::int64_t>(text);
    } else if (digits > 0 && others == static_cast<int>(text.find('.') != text.npos)) {
      entry.value() = *parse_number<double>(text);
    }
  }
}

std::optional<json::object> dict_from_text(std::string_view text) {
  if (text.empty() || text.front() != '{') return std::nullopt;
  try {
    auto out = json::parse(text, "dict").as_object();
    convert_texts(out);
    return out;
  } catch (const Error&) {
    return std::nullopt;  // the caller's sentence names the argument and shows the text
  }
}

// How each type is called, read from JSON, read from text and written to JSON.
template <typename T>
struct Kind;

template <>
struct Kind<bool> {
  static constexpr const char* name = "bool";
  static constexpr const char* expected = "true or false";
  static std::optional<bool> from(const json::value& v) {
    return v.is_bool() ? std::optional(v.get_bool()) : std::nullopt;
  }
  static std::optional<json::value> parse(std::string_view text) { return as_value(parse_bool(text)); }
  static json::value to(bool v) { return v; }
};

template <>
struct Kind<std::int64_t> {
  static constexpr const char* name = "int";
  static constexpr const char* expected = "an integer";
  static std::optional<std::int64_t> from(const json::value& v) {
    boost::json::error_code error;
    if (!v.is_int64() && !v.is_uint64()) return std::nullopt;
    const auto number = v.to_number<std::int64_t>(error);
    return error ? std::nullopt : std::optional(number);
  }
  static std::optional<json::value> parse(std::string_view text) { return as_value(parse_number<std::int64_t>(text)); }
  static json::value to(std::int64_t v) { return v; }
};

template <>
struct Kind<Number> {
  static constexpr const char* name = "int or float";
  static constexpr const char* expected = "a number";
  static std::optional<Number> from(const json::value& v) {
    if (const auto whole = Kind<std::int64_t>::from(v)) return Number(*whole);
    return v.is_number() ? std::optional(Number(v.to_number<double>())) : std::nullopt;
  }
  // A float, as transformers' parser makes one of these arguments.
  static std::optional<json::value> parse(std::string_view text) { return as_value(parse_number<double>(text)); }
  static json::value to(const Number& v) { return v.to_json(); }
};

template <>
struct Kind<std::string> {
  static constexpr const char* name = "str";
  static constexpr const char* expected = "a string";
  static std::optional<std::string> from(const json::value& v) {
    return v.is_string() ? std::optional(plain(v.get_string())) : std::nullopt;
  }
  static std::optional<json::value> parse(std::string_view text) { return string_value(text); }
  static json::value to(const std::string& v) { return string_value(v); }
};

template <>
struct Kind<std::vector<std::string>> {
  static constexpr const char* name = "str or list of str";
  static constexpr const char* expected = "a string or a list of strings";
  static std::optional<std::vector<std::string>> from(const json::value& v) {
    if (v.is_string()) return std::vector{plain(v.get_string())};
    if (!v.is_array()) return std::nullopt;
    std::vector<std::string> out;
    for (const auto& item : v.get_array()) {
      if (!item.is_string()) return std::nullopt;
      out.push_back(plain(item.get_string()));
    }
    return out;
  }
  static std::optional<json::value> parse(std::string_view text) {
    if (text.empty()) return string_value(text);
    if (text.front() != '[') return split(text);
    try {
      return json::parse(text, "list");
    } catch (const Error&) {
      return std::nullopt;
    }
  }
  static json::value to(const std::vector<std::string>& v) {
    json::array out;
    for (const auto& item : v) out.push_back(string_value(item));
    return out;
  }
};

template <>
struct Kind<json::object> {
  static constexpr const char* name = "dict or null";
  static constexpr const char* expected = "an object, or a string with one";
  static std::optional<json::object> from(const json::value& v) {
    if (v.is_null()) return json::object{};
    if (v.is_string()) return dict_from_text(plain(v.get_string()));
    return v.is_object() ? std::optional(v.get_object()) : std::nullopt;
  }
  static std::optional<json::value> parse(std::string_view text) {
    if (is_none(text)) return json::value(nullptr);
    return string_value(text);
  }
  static json::value to(const json::object& v) { return v.empty() ? json::value(nullptr) : v; }
};

template <>
struct Kind<json::value> {
  static constexpr const char* name = "str or false or null";
  static constexpr const char* expected = "a string, false or null";
  static std::optional<json::value> from(const json::value& v) {
    const bool fits = v.is_null() || v.is_string() || (v.is_bool() && !v.get_bool());
    return fits ? std::optional(v) : std::nullopt;
  }
  static std::optional<json::value> parse(std::string_view text) {
    if (is_none(text)) return json::value(nullptr);
    return lower(text) == "false" ? json::value(false) : string_value(text);
  }
  static json::value to(const json::value& v) { return v; }
};

template <typename T>
struct Kind<std::optional<T>> {
  static inline const std::string name = std::string(Kind<T>::name) + " or null";
  static inline const std::string expected = std::string(Kind<T>::expected) + " or null";
  static std::optional<std::optional<T>> from(const json::value& v) {
    if (v.is_null()) return std::optional<std::optional<T>>(std::in_place, std::nullopt);
    const auto inner = Kind<T>::from(v);
    return inner ? std::optional<std::optional<T>>(inner) : std::nullopt;
  }
  static std::optional<json::value> parse(std::string_view text) {
    return is_none(text) ? json::value(nullptr) : Kind<T>::parse(text);
  }
  static json::value to(const std::optional<T>& v) { return v ? Kind<T>::to(*v) : json::value(nullptr); }
};

// Calls `f` with the field's Kind and the member pointer; the argument is a supported one.
template <typename F>
auto with_kind(const Argument& argument, F&& f) {
  return std::visit(
      [&](auto member) {
        if constexpr (std::is_same_v<decltype(member), std::monostate>) {
          throw std::logic_error("a refused argument has no field");
          return f(Kind<bool>{}, Field<bool>{});
        } else {
          using T = std::remove_reference_t<decltype(std::declval<TrainingArguments&>().*member)>;
          return f(Kind<T>{}, member);
        }
      },
      argument.member);
}

// Values go into sentences, so long ones are cut; a token is not shown at all.
std::string shown(const Argument& argument, const json::value& v) {
  if (argument.name.ends_with("_token")) return "a hidden value";
  return shortened(json::dump(v), 80);
}

[[noreturn]] void refuse_type(const Argument& argument, const json::value& v, const std::string& place,
                              const std::string& expected) {
  throw_usage(error_id::arguments_invalid, place + " is " + shown(argument, v) +
                                               (v.is_null() ? "" : " (" + std::string(json::kind_name(v)) + ")") +
                                               ", expected " + expected);
}

[[noreturn]] void refuse_value(const Argument& argument, const json::value& v, const std::string& place) {
  throw_usage(error_id::arguments_invalid,
              place + " is " + shown(argument, v) + ", which is not supported here: " + std::string(argument.reason));
}

std::string bound(double v) {
  return std::fabs(v) < 1e16 && v == std::trunc(v) ? std::to_string(static_cast<std::int64_t>(v)) : json::repr(v);
}

std::string in_words(const Rule& rule, bool integer) {
  std::string out = integer ? "an integer" : rule.finite ? "a finite number" : "a number";
  if (std::isfinite(rule.most))
    return out + " from " + bound(rule.least) + (rule.below_most ? " to below " : " to ") + bound(rule.most);
  return std::isfinite(rule.least) ? out + " of at least " + bound(rule.least) : out;
}

bool keeps_range(const Rule& rule, double v) {
  if (rule.finite && !std::isfinite(v)) return false;
  // NaN passes where there is no range, as it does there.
  if (std::isfinite(rule.least) && !(v >= rule.least)) return false;
  if (std::isfinite(rule.most)) return rule.below_most ? v < rule.most : v <= rule.most;
  return true;
}

}  // namespace

std::string place_of(std::string_view where, std::string_view name) {
  const std::string argument(name);
  if (where.empty() || where == name) return argument;
  return where == "--" + argument ? std::string(where) : std::string(where) + "." + argument;
}

std::string type_name(const Argument& argument) {
  if (!argument.type.empty()) return std::string(argument.type);
  return with_kind(argument, [](auto kind, auto) { return std::string(decltype(kind)::name); });
}

json::value read(const TrainingArguments& args, const Argument& argument) {
  if (!argument.supported()) return argument.rule.only.at(0);
  return with_kind(argument, [&](auto kind, auto member) { return decltype(kind)::to(args.*member); });
}

void check(const Argument& argument, const json::value& v, const std::string& place) {
  const Rule& rule = argument.rule;
  if (!rule.only.empty() && std::find(rule.only.begin(), rule.only.end(), v) == rule.only.end())
    refuse_value(argument, v, place);
  if (v.is_number() && !keeps_range(rule, v.to_number<double>()))
    throw_usage(error_id::arguments_invalid,
                place + " is " + shown(argument, v) + ", expected " +
                    in_words(rule, std::holds_alternative<Field<std::int64_t>>(argument.member) ||
                                       std::holds_alternative<Field<std::optional<std::int64_t>>>(argument.member)));
  if (!v.is_string()) return;
  const std::string text = plain(v.get_string());
  if (rule.not_empty && text.empty())
    throw_usage(error_id::arguments_invalid, place + " is an empty string; give a text or leave it out");
  if (rule.choices.empty() || std::find(rule.choices.begin(), rule.choices.end(), text) != rule.choices.end()) return;
  std::string sentence = place + " is " + shown(argument, v) + ", expected one of ";
  for (const auto& choice : rule.choices) sentence += (&choice == &rule.choices.front() ? "" : ", ") + choice;
  if (const auto near = nearest(text, rule.choices); !near.empty())
    sentence += "; did you mean \"" + near + "\"?";
  else if (!argument.reason.empty())
    sentence += "; " + std::string(argument.reason);
  throw_usage(error_id::arguments_invalid, sentence);
}

void write(TrainingArguments& args, const Argument& argument, const json::value& v, const std::string& place) {
  if (!argument.supported()) return check(argument, v, place);
  const json::value prepared = argument.prepare ? argument.prepare(v) : v;
  with_kind(argument, [&](auto kind, auto member) {
    auto value = decltype(kind)::from(prepared);
    if (!value) refuse_type(argument, v, place, decltype(kind)::expected);
    // A number is shown as it was given, 1 or 1.0.
    check(argument, prepared.is_number() ? prepared : decltype(kind)::to(*value), place);
    args.*member = std::move(*value);
  });
}

json::value parse_text(const Argument& argument, std::string_view text, const std::string& place) {
  if (argument.supported())
    return with_kind(argument, [&](auto kind, auto) {
      const auto v = decltype(kind)::parse(text);
      if (!v) refuse_type(argument, string_value(text), place, decltype(kind)::expected);
      return *v;
    });
  // Of a refused one only the values that it may have matter.
  if (is_none(text)) return nullptr;
  if (argument.type.starts_with("bool"))
    if (const auto truth = parse_bool(text)) return *truth;
  try {
    return json::parse(text, place);
  } catch (const Error&) {
    return string_value(text);
  }
}

}  // namespace trainer::arguments
