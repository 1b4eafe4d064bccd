// SPDX-License-Identifier: Apache-2.0
//
// Writes the body of a status as Python's json does.
#include "status.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "shared/json_tree/json_tree.hpp"
#include "trainer/sdk/repr.hpp"

namespace trainer::kubeflow {

using plugins::append_json_string;
using plugins::Escape;

void Metrics::set(std::string_view key, const sdk::Value& value) {
  if (!value.is_number()) return;
  const auto found = by_name_.find(key);
  Entry* at = found == by_name_.end() ? nullptr : found->second;
  if (at == nullptr) {
    at = &all_.emplace_back(Entry{std::string(key), {}});
    by_name_.emplace(at->name, at);
  }
  at->value.clear();
  if (value.raw()->type == TRAINER_BOOLEAN)
    at->value = value.flag() ? "True" : "False";
  else if (value.is_integer())
    sdk::append_repr(at->value, value.integer());
  else
    sdk::append_repr(at->value, value.number());
}

void append_metric(std::string& metrics, std::string_view name, std::string_view value) {
  metrics += metrics.empty() ? "{\"name\": " : ", {\"name\": ";
  append_json_string(metrics, name, Escape::ascii);
  metrics += ", \"value\": ";
  append_json_string(metrics, value, Escape::ascii);
  metrics += '}';
}

void Metrics::write(std::string& out) const {
  for (const Entry& entry : all_) append_metric(out, entry.name, entry.value);
}

std::string status_body(const Status& status, std::string_view time, std::string_view metrics) {
  std::string out = "{\"trainerStatus\": {\"lastUpdatedTime\": ";
  append_json_string(out, time, Escape::ascii);
  if (status.progress) {
    out += ", \"progressPercentage\": ";
    sdk::append_repr(out, std::clamp<std::int64_t>(*status.progress, 0, 100));
  }
  if (status.remaining) {
    out += ", \"estimatedRemainingSeconds\": ";
    sdk::append_repr(out, std::max<std::int64_t>(*status.remaining, 0));
  }
  if (!metrics.empty()) {
    out += ", \"metrics\": [";
    out += metrics;
    out += ']';
  }
  return out + "}}";
}

std::string rounded_epoch(double epoch) {
  char text[64];
  std::snprintf(text, sizeof text, "%.2f", epoch);  // of the exact value, as Python's round() does
  std::string out;
  sdk::append_repr(out, std::strtod(text, nullptr));
  return out;
}

}  // namespace trainer::kubeflow
