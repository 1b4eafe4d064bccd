// SPDX-License-Identifier: Apache-2.0
//
// What MLflow takes: the names, lengths and texts of parameters, tags and metrics.
#pragma once

#include <boost/json/value.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace trainer::plugins::mlflow {

inline constexpr std::size_t longest_key = 250;          // code points
inline constexpr std::size_t longest_param = 6000;       // code points
inline constexpr std::size_t longest_tag = 8000;         // code points
inline constexpr std::size_t most_params = 100;          // of a request; as many tags
inline constexpr std::size_t most_entities = 1000;       // of a request
inline constexpr std::size_t largest_request = 900'000;  // bytes; the server's limit is 1,000,000

using Pairs = std::vector<std::pair<std::string, std::string>>;

/// The key with "_" for every character that is none of 0-9A-Za-z_-. :/
std::string sanitize(std::string_view key);

/// Why a server refuses the name (to follow "the name ..."); empty when it takes it.
std::string name_problem(std::string_view key);

struct Params {
  Pairs kept;
  std::vector<std::string> dropped;  ///< one sentence each
};

/// The model's configuration and the training arguments (JSON objects; the first may be empty) as
/// parameters: the arguments win, and keep the place of what they replace.
Params make_params(std::string_view model_config, std::string_view arguments, bool flatten);

/// The tags of a JSON object, values as str() gives them; throws std::invalid_argument for others.
Pairs make_tags(std::string_view json, std::string_view variable);

/// Appends `text` as a JSON string, quotes included.
void append_json(std::string& out, std::string_view text);

/// Appends {"key":...,"value":...,"timestamp":...,"step":...}; NaN and infinities as MLflow's JSON
/// has them.
void append_metric(std::string& out, std::string_view key, double value, std::int64_t timestamp, std::int64_t step);

/// Appends {"key":...,"value":...}.
void append_pair(std::string& out, std::string_view key, std::string_view value);

}  // namespace trainer::plugins::mlflow
