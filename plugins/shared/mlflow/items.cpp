// SPDX-License-Identifier: Apache-2.0
#include "shared/mlflow/items.hpp"

#include <charconv>

#include "shared/mlflow/rules.hpp"

namespace trainer::plugins::mlflow {

void Items::add_metric(std::string_view key, double value, std::int64_t timestamp, std::int64_t step) {
  separate();
  append_metric(json_, key, value, timestamp, step);
  ++count_;
}

void Items::add_pair(std::string_view key, std::string_view value) {
  separate();
  append_pair(json_, key, value);
  ++count_;
}

void Items::add(std::string_view items, std::size_t count) {
  separate();
  json_ += items;
  count_ += count;
}

std::vector<std::string_view> split_items(std::string_view items) {
  std::vector<std::string_view> out;
  std::size_t begin = 0;
  int depth = 0;
  bool in_text = false;
  for (std::size_t at = 0; at < items.size(); ++at) {
    const char c = items[at];
    if (in_text) {
      if (c == '\\')
        ++at;
      else if (c == '"')
        in_text = false;
    } else if (c == '"') {
      in_text = true;
    } else if (c == '{' && depth++ == 0) {
      begin = at;
    } else if (c == '}' && --depth == 0) {
      out.push_back(items.substr(begin, at + 1 - begin));
    }
  }
  return out;
}

std::int64_t last_timestamp(std::string_view metrics) {
  constexpr std::string_view name = "\"timestamp\":";
  const auto at = metrics.rfind(name);
  std::int64_t time = 0;
  if (at != metrics.npos) std::from_chars(metrics.data() + at + name.size(), metrics.data() + metrics.size(), time);
  return time;
}

}  // namespace trainer::plugins::mlflow
