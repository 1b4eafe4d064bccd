// SPDX-License-Identifier: Apache-2.0
//
// The body that Kubeflow Trainer's status server takes, as transformers' callback writes it.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "trainer/sdk/value.hpp"

namespace trainer::kubeflow {

/// The latest value of each metric, as Python's str(), in the order of first appearance.
class Metrics {
 public:
  /// Of a log: numbers only. A key that is there already costs no allocation.
  void set(std::string_view key, const sdk::Value& value);
  void clear() { by_name_.clear(), all_.clear(); }
  /// Appends {"name": ..., "value": ...}, ...
  void write(std::string& out) const;

 private:
  struct Entry {
    std::string name, value;
  };
  std::deque<Entry> all_;  // never moves its elements, whose names the index views
  std::unordered_map<std::string_view, Entry*> by_name_;
};

struct Status {
  std::optional<std::int64_t> progress;   ///< percent; cut to 0 ... 100
  std::optional<std::int64_t> remaining;  ///< seconds; at least 0
};

/// Appends one metric of `metrics`, the inside of a list.
void append_metric(std::string& metrics, std::string_view name, std::string_view value);

/// The whole body; no key "metrics" when there are none.
std::string status_body(const Status& status, std::string_view time, std::string_view metrics);

/// round(epoch, 2) as Python prints it.
std::string rounded_epoch(double epoch);

}  // namespace trainer::kubeflow
