// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "trainer/json.hpp"

/// The "config" of a plugin's note: a small part of JSON Schema, checked when the note is read, and applied to what a
/// run gives.
namespace trainer {

/// Refuses a schema that is not as trainer/plugin.h says, defaults that break their own rules too.
void require_valid_schema(const json::object& schema, std::string_view where);

/// The configuration of one instance of plugin `id`: what the run gave, checked against its note's schema, in the
/// schema's order, with defaults filled in. Values stay as they were given: 1 for a "number" remains an integer.
/// `where` is the place in the run file ("run.json: callbacks[0].config"). A usage Error for a key that is unknown
/// or missing, and for a value of a wrong type or out of range.
json::object resolve_config(const json::object& schema, std::string_view id, const json::object& given,
                            std::string_view where);

}  // namespace trainer
