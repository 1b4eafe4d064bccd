// SPDX-License-Identifier: Apache-2.0
//
// What transformers' callbacks for trackers of runs (W&B, SwanLab) have in common: how keys are
// rewritten, which configuration a run gets, and how a run and its files are named.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <trainer/sdk/callback.hpp>

#include "shared/json_tree/json_tree.hpp"

namespace trainer::plugins {

/// rewrite_logs(): eval_x is eval/x, test_x is test/x, and x is train/x.
std::string rewrite_key(std::string_view key);

/// train_runtime and the like: logged once, as values of the run.
bool is_single_value(std::string_view key);

/// The model's configuration, overridden by the training arguments.
JsonTree run_config(const sdk::Host& host);

/// Elements of the model's parameters, or -1 when the model has no configuration: as in transformers,
/// where plain modules have no num_parameters() either. Only during an event.
std::int64_t num_parameters(const sdk::Host& host);

/// Whether a tensor of the model is a buffer, which ext/parameters.h lists behind the parameters: those
/// of batch normalization are known by name.
bool is_buffer(std::string_view name);

/// A value as JSON, with Python's NaN and Infinity; floats as repr() writes them.
void append_json(std::string& out, const sdk::Value& value);

/// An environment variable; empty when unset.
std::string variable(const char* name);
/// Whether it says yes, as a setting of W&B or SwanLab does: 1, true, yes, on.
bool is_true(std::string_view text);

std::string utc_now();  ///< as Python's datetime.isoformat() writes it, with microseconds and +00:00
std::string random_id(std::size_t length);        ///< of 0-9 and a-z
std::string time_name(std::int64_t nanoseconds);  ///< YYYYMMDD_HHMMSS, local time
std::int64_t now_ns();                            ///< since 1970

// system_posix.cpp
std::string host_name();
std::filesystem::path home_directory();
std::filesystem::path expand_user(const std::string& path);  ///< a leading ~ is the home directory
/// Whether any variable of the environment begins so, is not empty, and is none of `but`.
bool has_variable(std::string_view prefix, std::initializer_list<std::string_view> but);
/// Whether a .netrc file has an entry for the machine.
bool has_login(const std::filesystem::path& netrc, std::string_view machine);

}  // namespace trainer::plugins
