// SPDX-License-Identifier: Apache-2.0
//
// JSON as Python's json module reads it, appended to a text: NaN and Infinity are allowed.
#pragma once

#include <trainer/event.h>

#include <string>
#include <string_view>
#include <trainer/sdk/value.hpp>

#include "shared/python_bridge/state_numbers.hpp"

namespace trainer::plugins {

void append_json(std::string& out, std::string_view text);
void append_json(std::string& out, double value);
void append_json(std::string& out, const sdk::Value& value);
void append_json(std::string& out, const sdk::Map& map);
/// The fields of TrainerState but log_history, as an object.
void append_json(std::string& out, const trainer_state& state, const StateNumbers& numbers = {});
/// The five flags, as a list.
void append_json(std::string& out, const trainer_control& control);

/// Appends what comes before the value of a key: a comma when it is not the first, "key":.
void append_key(std::string& out, std::string_view key);

}  // namespace trainer::plugins
