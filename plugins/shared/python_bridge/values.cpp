// SPDX-License-Identifier: Apache-2.0
//
// Puts the values that Python sends back into logs and metrics.
#include <charconv>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <unordered_set>
#include <vector>

#include "shared/python_bridge/session.hpp"

namespace trainer::plugins {
namespace {

// Kinds of wire.py. Numbers come as text, since JSON has no NaN and does not tell 1 from 1.0.
sdk::Value decode(const std::string& kind, const std::string& text) {
  sdk::Value value;
  if (kind == "b") return sdk::Value(text == "1");
  if (kind == "i") {
    std::int64_t number = 0;
    std::from_chars(text.data(), text.data() + text.size(), number);
    return sdk::Value(number);
  }
  if (kind == "f") return sdk::Value(std::strtod(text.c_str(), nullptr));
  if (kind == "s" || kind == "j") {
    value = sdk::Value(std::string_view(text));
    if (kind == "j") value.raw()->type = TRAINER_JSON;
    return value;
  }
  if (kind != "n") throw std::runtime_error("Python sent a value of the unknown kind " + kind);
  return value;
}

}  // namespace

void set_values(sdk::Map& map, const boost::json::array& values) {
  std::unordered_set<std::string> listed;
  for (const auto& entry : values) listed.emplace(entry.at(0).as_string());
  std::vector<std::string> gone;
  map.for_each([&](std::string_view key, const sdk::Value&) {
    if (listed.count(std::string(key)) == 0) gone.emplace_back(key);
  });
  for (const std::string& key : gone) map.erase(key);
  for (const auto& entry : values) {
    const std::string text(entry.at(2).as_string());
    map.set(std::string_view(entry.at(0).as_string()), decode(std::string(entry.at(1).as_string()), text));
  }
}

}  // namespace trainer::plugins
