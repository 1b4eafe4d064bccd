// SPDX-License-Identifier: Apache-2.0
//
// One row of Trackio as JSON: a line of an inbox fragment, and an entry of the server's bulk_log.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "trainer/sdk/value.hpp"

namespace trainer::trackio {

/// The run that rows belong to. A named run has its name as id and steps that Trackio counts on from
/// what it has, as with trackio.init(resume="allow").
struct Run {
  std::string project, name;
  std::string id;  ///< empty for a named run
};

/// Appends `"name": value` to an object's members; NaN and infinities are strings.
void append_member(std::string& members, std::string_view key, const sdk::Value& value);

/// `members` of the metrics and `config` (an object or empty) are JSON. No line end.
void append_record(std::string& out, const Run& run, std::string_view members, std::optional<std::int64_t> step,
                   std::string_view timestamp, std::string_view config, std::string_view log_id);

/// The configuration of a run: the model's, the arguments over it, Trackio's own three keys, and the number
/// of parameters unless it is negative.
std::string run_config(std::string_view model_json, std::string_view arguments_json, std::int64_t num_parameters,
                       std::string_view created);

/// A random name like "calm-otter-4711".
std::string random_name();

}  // namespace trainer::trackio
