// SPDX-License-Identifier: Apache-2.0
//
// Names, metrics and parameters as MLflow's server takes them.
#include "shared/mlflow/rules.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <cmath>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <trainer/sdk/repr.hpp>

#include "shared/python_text/python_text.hpp"
#include "shared/run_config/names.hpp"

namespace trainer::plugins::mlflow {
namespace {

namespace json = boost::json;

/// posixpath.normpath(name) != name, or a name that leads out of its directory.
bool is_unsafe_path(std::string_view name) {
  if (name == "." || name.empty() || name[0] == '/' || name.substr(0, 2) == "..") return true;
  for (std::size_t begin = 0; begin <= name.size();) {
    const std::size_t end = std::min(name.find('/', begin), name.size());
    const std::string_view part = name.substr(begin, end - begin);
    if (part.empty() || part == "." || part == "..") return true;
    begin = end + 1;
  }
  return false;
}

void flatten(const json::object& in, const std::string& parent, json::object& out) {
  for (const auto& item : in) {
    const std::string key = parent.empty() ? std::string(item.key()) : parent + "." + std::string(item.key());
    const auto* inner = item.value().if_object();
    if (inner != nullptr && !inner->empty())
      flatten(*inner, key, out);
    else
      out[key] = item.value();
  }
}

void merge(json::object& into, std::string_view text) {
  if (text.empty()) return;
  const json::value value = parse_python_json(text);
  if (const auto* object = value.if_object())
    for (const auto& item : *object) into[item.key()] = item.value();
}

}  // namespace

std::string sanitize(std::string_view key) {
  return fit_name(key, {.allowed = "_-.: /", .forbidden = {}, .most = std::string::npos});
}

std::string name_problem(std::string_view key) {
  if (python_length(key) > longest_key) return "is longer than " + std::to_string(longest_key) + " characters";
  if (is_unsafe_path(key)) return "is not a normalized path (a/b, without \"..\", \"//\" or a \"/\" at an end)";
  return {};
}

Params make_params(std::string_view model_config, std::string_view arguments, bool flat) {
  json::object all;
  merge(all, model_config);
  merge(all, arguments);
  if (flat) {
    json::object flattened;
    flatten(all, "", flattened);
    all = std::move(flattened);
  }
  Params params;
  for (const auto& item : all) {
    std::string key(item.key()), value = python_str(item.value());
    const std::size_t length = python_length(value);
    std::string problem = name_problem(key);
    if (problem.empty() && sanitize(key) != key) problem = "has a character that MLflow refuses";
    if (!problem.empty())
      params.dropped.push_back("the parameter \"" + key.substr(0, 300) + "\" is left out: its name " + problem);
    else if (length > longest_param)
      params.dropped.push_back("the parameter \"" + key + "\" is left out: its text has " + std::to_string(length) +
                               " characters, and MLflow takes " + std::to_string(longest_param) +
                               "; MLFLOW_FLATTEN_PARAMS=1 logs its parts instead");
    else
      params.kept.emplace_back(std::move(key), std::move(value));
  }
  return params;
}

Pairs make_tags(std::string_view text, std::string_view variable) {
  std::optional<json::value> value;
  try {
    value = parse_python_json(text);
  } catch (const std::exception&) {
  }
  if (!value || !value->is_object())
    throw std::invalid_argument(std::string(variable) + " is " + std::string(text.substr(0, 200)) +
                                ", expected a JSON object as {\"release\": \"2.2\"}");
  Pairs tags;
  for (const auto& item : value->get_object()) {
    const std::string tag = python_str(item.value());
    tags.emplace_back(item.key(), python_prefix(tag, longest_tag));
  }
  return tags;
}

void append_json(std::string& out, std::string_view text) {
  static const char digits[] = "0123456789abcdef";
  out += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\')
      out += '\\', out += c;
    else if (byte < 0x20)
      out += "\\u00", out += digits[byte >> 4], out += digits[byte & 15];
    else
      out += c;
  }
  out += '"';
}

void append_metric(std::string& out, std::string_view key, double value, std::int64_t timestamp, std::int64_t step) {
  out += "{\"key\":";
  append_json(out, key);
  out += ",\"value\":";
  if (std::isnan(value))
    out += "\"NaN\"";
  else if (std::isinf(value))
    out += value > 0 ? "\"Infinity\"" : "\"-Infinity\"";
  else
    sdk::append_repr(out, value);
  out += ",\"timestamp\":";
  sdk::append_repr(out, timestamp);
  out += ",\"step\":";
  sdk::append_repr(out, step);
  out += '}';
}

void append_pair(std::string& out, std::string_view key, std::string_view value) {
  out += "{\"key\":";
  append_json(out, key);
  out += ",\"value\":";
  append_json(out, value);
  out += '}';
}

}  // namespace trainer::plugins::mlflow
