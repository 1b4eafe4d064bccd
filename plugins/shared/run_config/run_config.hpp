// SPDX-License-Identifier: Apache-2.0
//
// What a tracker is told of a run, as by transformers' callbacks: its configuration, the size of its
// model, and the values of its logs as JSON.
#pragma once

#include <trainer/ext/parameters.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <trainer/sdk/callback.hpp>

#include "shared/json_tree/json_tree.hpp"

namespace trainer::plugins {

/// The model's configuration, overridden by the training arguments.
JsonTree run_config(const sdk::Host& host);

/// A parameter's name, its description and its number of elements.
using ParameterVisitor =
    std::function<void(std::string_view name, const trainer_tensor& tensor, std::int64_t elements)>;

/// The model's parameters in their order, without its buffers. False when the host lists no tensor. Only during an
/// event.
bool for_each_parameter(const sdk::Host& host, const ParameterVisitor& visit);

/// Elements of the model's parameters, or -1 when the model has no configuration: as in transformers, where
/// plain modules have no num_parameters() either. Only during an event.
std::int64_t num_parameters(const sdk::Host& host);

/// Whether a tensor of the model is a buffer, which ext/parameters.h lists behind the parameters: those
/// of batch normalization are known by name.
bool is_buffer(std::string_view name);

/// A value as JSON, with Python's NaN and Infinity; floats as repr() writes them. `quote_special` writes NaN
/// and infinities as strings.
void append_json(std::string& out, const sdk::Value& value, bool quote_special);

}  // namespace trainer::plugins
