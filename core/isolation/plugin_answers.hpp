// SPDX-License-Identifier: Apache-2.0
//
// What a plugin's process answers, read as from a stranger: the process is the plugin's, which may write anything. Each
// function reads a whole answer, and throws BadBytes for what no process of this build answers.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <vector>

#include "isolation/protocol.hpp"
#include "loading/availability.hpp"
#include "trainer/error.hpp"
#include "trainer/plugin_results.hpp"
#include "trainer/process.hpp"
#include "trainer/trainer_control.hpp"

namespace trainer::isolation {

RunsOn read_runs_on(Reader& in);
Availability read_availability(Reader& in);

/// What an instance is, and which extensions it has.
struct Created {
  std::string class_name;
  bool stateful = false, listens = false, waits = false, keeps_files = false, has_results = false,
       hears_outcome = false;
};
Created read_created(Reader& in);

struct EventAnswer {
  Failure failure;
  std::array<std::uint32_t, control_flags.size()> flags{};  ///< any numbers
  std::optional<json::object> values;                       ///< if they are others now
};
EventAnswer read_event_answer(Reader& in);

/// {"args", "attributes"}
json::object read_state(Reader& in);

/// As take_result() does.
std::vector<PluginResult> read_results(Reader& in, const std::string& plugin, const std::string& where);

/// A refusal of what `where` says: "plugin csv (/p/csv.so) could not be created".
Error read_error(Reader& in, const std::string& where);

/// "callback csv failed in on_log at step 120"
std::string where_of(const std::string& callback, std::uint32_t event, std::int64_t step);
/// What the failure of an event is to the run.
Error error_of(const Failure& failure, const std::string& callback);

}  // namespace trainer::isolation
