// SPDX-License-Identifier: Apache-2.0
//
// items.hpp - metrics, parameters or tags as JSON objects with commas between them: what a record of
// them holds, and what a request takes as it is.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace trainer::plugins::mlflow {

class Items {
 public:
  void add_metric(std::string_view key, double value, std::int64_t timestamp, std::int64_t step);
  void add_pair(std::string_view key, std::string_view value);
  void add(std::string_view items, std::size_t count);
  void clear() { json_.clear(), count_ = 0; }  ///< keeps the memory

  const std::string& json() const { return json_; }
  std::size_t count() const { return count_; }

 private:
  void separate() { json_ += json_.empty() ? "" : ","; }

  std::string json_;
  std::size_t count_ = 0;
};

/// The objects of items, one each.
std::vector<std::string_view> split_items(std::string_view items);

/// The timestamp of the last metric; 0 when there is none.
std::int64_t last_timestamp(std::string_view metrics);

}  // namespace trainer::plugins::mlflow
