// SPDX-License-Identifier: Apache-2.0
#include "discovery/plugin_config.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"
#include "trainer/error.hpp"

namespace trainer {
namespace {

constexpr std::array<std::string_view, 7> type_names = {"integer", "number", "string", "boolean",
                                                        "array",   "object", "null"};
constexpr std::array<std::string_view, 6> rule_keys = {"type", "default", "minimum", "maximum", "enum", "description"};

std::string in_quotes(std::string_view text) { return "\"" + std::string(text) + "\""; }

bool is_integer(const json::value& v) { return v.is_int64() || v.is_uint64(); }
double as_double(const json::value& v) { return v.to_number<double>(); }

bool has_type(const json::value& v, std::string_view type) {
  if (type == "integer") return is_integer(v);
  if (type == "number") return v.is_number();
  if (type == "string") return v.is_string();
  if (type == "boolean") return v.is_bool();
  if (type == "array") return v.is_array();
  if (type == "object") return v.is_object();
  return v.is_null();
}

// The names of a rule's "type", which is one name or a list of them.
std::vector<std::string> types_of(const json::object& rule) {
  const json::value& type = rule.at("type");
  if (const auto* name = type.if_string()) return {std::string(*name)};
  std::vector<std::string> names;
  for (const auto& name : type.get_array()) names.emplace_back(name.get_string());
  return names;
}

bool same(const json::value& a, const json::value& b) {
  return a.is_number() && b.is_number() && !(is_integer(a) && is_integer(b)) ? as_double(a) == as_double(b) : a == b;
}

// Values go into sentences, so long ones are cut.
std::string shown(const json::value& v) { return shortened(json::dump(v), 80); }

// Plugins hand texts to the system, which takes a zero byte for their end.
bool has_zero_byte(const json::value& v) {
  if (v.is_string()) return v.get_string().find('\0') != boost::json::string::npos;
  if (v.is_array()) return std::any_of(v.get_array().begin(), v.get_array().end(), has_zero_byte);
  return v.is_object() && std::any_of(v.get_object().begin(), v.get_object().end(), [](auto& entry) {
           return entry.key().find('\0') != std::string_view::npos || has_zero_byte(entry.value());
         });
}

// A text may be a password or a token, and so may be what was written in its place.
bool takes_text(const std::vector<std::string>& types) {
  return std::find(types.begin(), types.end(), "string") != types.end();
}

// What is wrong with `v` under `rule` ("is 5, expected ..."), or empty.
std::string complaint(const json::value& v, const json::object& rule) {
  const auto types = types_of(rule);
  if (std::none_of(types.begin(), types.end(), [&](auto& type) { return has_type(v, type); }))
    return "is " + std::string(json::kind_name(v)) + (takes_text(types) ? "" : " (" + shown(v) + ")") + ", expected " +
           join(types, " or ");
  if (has_zero_byte(v)) return "has a zero byte in its text, expected none; remove the \\u0000";
  if (v.is_number()) {
    // Written so that NaN, which is not in any range, is refused.
    if (const auto* least = rule.if_contains("minimum"); least && !(as_double(v) >= as_double(*least)))
      return "is " + shown(v) + ", expected at least " + shown(*least);
    if (const auto* most = rule.if_contains("maximum"); most && !(as_double(v) <= as_double(*most)))
      return "is " + shown(v) + ", expected at most " + shown(*most);
  }
  if (const auto* choices = rule.if_contains("enum")) {
    const auto& list = choices->get_array();
    if (std::none_of(list.begin(), list.end(), [&](auto& choice) { return same(v, choice); }))
      return "is " + shown(v) + ", expected one of " + shown(*choices);
  }
  return {};
}

// What is wrong with the rule itself, or empty.
std::string rule_complaint(const json::object& rule) {
  for (const auto& entry : rule)
    if (std::find(rule_keys.begin(), rule_keys.end(), entry.key()) == rule_keys.end()) {
      const auto near = nearest(entry.key(), {rule_keys.begin(), rule_keys.end()});
      return "has the unknown key " + in_quotes(entry.key()) +
             (near.empty() ? "; expected type, default, minimum, maximum, enum or description"
                           : "; did you mean " + in_quotes(near) + "?");
    }
  const json::value* type = rule.if_contains("type");
  if (!type) return "has no \"type\"; add one";
  const json::array one = {*type};
  const json::array& listed = type->is_array() ? type->get_array() : one;
  if (listed.empty()) return "has an empty list as \"type\"; name at least one type";
  for (const auto& name : listed) {
    const auto* text = name.if_string();
    if (!text || std::find(type_names.begin(), type_names.end(), *text) == type_names.end())
      return "has the unknown type " + shown(name) +
             "; expected integer, number, string, boolean, array, object or null";
  }
  const auto types = types_of(rule);
  const bool numeric = std::any_of(types.begin(), types.end(), [](auto& t) { return t == "integer" || t == "number"; });
  for (const auto* key : {"minimum", "maximum"})
    if (const auto* bound = rule.if_contains(key); bound && (!bound->is_number() || !numeric))
      return "has a \"" + std::string(key) + "\" that is not for a number; correct or remove it";
  if (const auto* text = rule.if_contains("description"); text && !text->is_string())
    return "has a \"description\" that is not a text; correct it";
  if (const auto* choices = rule.if_contains("enum")) {
    if (!choices->is_array() || choices->get_array().empty())
      return "has an \"enum\" that is not a list of values; correct it";
    for (const auto& choice : choices->get_array())
      if (std::none_of(types.begin(), types.end(), [&](auto& t) { return has_type(choice, t); }))
        return "has " + shown(choice) + " in its \"enum\", expected " + join(types, " or ");
  }
  if (const auto* value = rule.if_contains("default"))
    if (auto wrong = complaint(*value, rule); !wrong.empty())
      return "has a \"default\" that breaks its own rule: it " + wrong;
  return {};
}

}  // namespace

void require_valid_schema(const json::object& schema, std::string_view where) {
  for (const auto& entry : schema) {
    const auto* rule = entry.value().if_object();
    const auto wrong = rule ? rule_complaint(*rule)
                            : "is " + std::string(json::kind_name(entry.value())) +
                                  ", expected an object such as {\"type\": \"integer\"}";
    if (entry.key().empty())
      throw_usage(error_id::plugin_note_invalid, std::string(where) + ": its note has an empty config key");
    if (!wrong.empty())
      throw_usage(error_id::plugin_note_invalid,
                  std::string(where) + ": the config key " + in_quotes(entry.key()) + " of its note " + wrong);
  }
}

json::object resolve_config(const json::object& schema, std::string_view id, const json::object& given,
                            std::string_view where) {
  std::vector<std::string> known;
  for (const auto& entry : schema) known.emplace_back(entry.key());
  for (const auto& entry : given) {
    if (schema.contains(entry.key())) continue;
    const auto near = nearest(entry.key(), known);
    throw_usage(error_id::plugin_config_invalid,
                std::string(where) + ": unknown key " + in_quotes(entry.key()) + " for plugin " + std::string(id) +
                    (near.empty() ? "" : "; did you mean " + in_quotes(near) + "?") +
                    (known.empty() ? "; it has no configuration, remove the key"
                                   : (near.empty() ? "; it" : " It") + (" takes " + join(known, ", "))));
  }
  json::object config;
  for (const auto& entry : schema) {
    const auto& rule = entry.value().get_object();
    if (const auto* value = given.if_contains(entry.key())) {
      if (auto wrong = complaint(*value, rule); !wrong.empty())
        throw_usage(error_id::plugin_config_invalid,
                    std::string(where) + ": " + in_quotes(entry.key()) + " of plugin " + std::string(id) + " " + wrong);
      config.emplace(entry.key(), *value);
    } else if (const auto* fallback = rule.if_contains("default")) {
      config.emplace(entry.key(), *fallback);
    } else {
      throw_usage(error_id::plugin_config_invalid, std::string(where) + ": plugin " + std::string(id) +
                                                       " needs the key " + in_quotes(entry.key()) + " (" +
                                                       join(types_of(rule), " or ") + "), which is missing; add it");
    }
  }
  return config;
}

}  // namespace trainer
