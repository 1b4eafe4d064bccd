// SPDX-License-Identifier: Apache-2.0
//
// Writes SwanLab's config.yaml in its YAML 1.1.
#include "config_file.hpp"

#include <algorithm>
#include <numeric>
#include <vector>

namespace trainer::swanlab {
namespace {

using plugins::JsonTree;
using Kind = JsonTree::Kind;

/// 1e-08 is a text in YAML 1.1, 1.0e-08 a number; and so are NaN and .nan.
std::string yaml_number(const std::string& json) {
  if (json == "NaN") return ".nan";
  if (json == "Infinity") return ".inf";
  if (json == "-Infinity") return "-.inf";
  const std::size_t exponent = json.find_first_of("eE");
  if (exponent == std::string::npos) return json;
  std::string mantissa = json.substr(0, exponent), power = json.substr(exponent + 1);
  if (mantissa.find('.') == std::string::npos) mantissa += ".0";
  if (power[0] != '+' && power[0] != '-') power.insert(0, "+");
  return mantissa + "e" + power;
}

/// `in_object`: within a value that is an object, where SwanLab writes NaN and infinities as texts.
void append_value(std::string& out, const JsonTree& tree, bool in_object) {
  const auto join = [&](char open, char close, auto&& each) {
    out += open;
    for (std::size_t i = 0; i < tree.items.size(); ++i) {
      if (i != 0) out += ", ";
      each(i);
    }
    out += close;
  };
  switch (tree.kind) {
    case Kind::object:
      join('{', '}', [&](std::size_t i) {
        plugins::append_json_string(out, tree.keys[i], plugins::Escape::utf8);
        out += ": ";
        append_value(out, tree.items[i], in_object);
      });
      break;
    case Kind::list:
      join('[', ']', [&](std::size_t i) { append_value(out, tree.items[i], in_object); });
      break;
    case Kind::number:
      if (in_object && (tree.text == "NaN" || tree.text.find("Infinity") != tree.text.npos))
        out += tree.text == "NaN" ? "\"NaN\"" : "\"Inf\"";
      else
        out += yaml_number(tree.text);
      break;
    default:
      plugins::append_json(out, tree, plugins::Escape::utf8, false);
  }
}

}  // namespace

std::string config_yaml(const JsonTree& config) {
  std::vector<std::size_t> order(config.keys.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return config.keys[a] < config.keys[b]; });
  std::string out;
  for (const std::size_t i : order) {
    plugins::append_json_string(out, config.keys[i], plugins::Escape::utf8);
    out += ":\n  desc: ''\n  sort: " + std::to_string(i) + "\n  value: ";
    if (config.items[i].kind == Kind::null)
      out += "{}";
    else
      append_value(out, config.items[i], config.items[i].kind == Kind::object);
    out += '\n';
  }
  return out;
}

}  // namespace trainer::swanlab
