// SPDX-License-Identifier: Apache-2.0
//
// json_fields.hpp - fields of JSON objects that may be missing or of another type.
#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

namespace trainer::plugins::mlflow {

/// A text of an object, or empty.
inline std::string text(const boost::json::object& object, const char* key) {
  const auto* value = object.if_contains(key);
  return value != nullptr && value->is_string() ? std::string(std::string_view(value->get_string())) : std::string();
}

/// An integer of an object, or 0. In proto3's JSON one of 64 bits may be a number or a text.
inline std::int64_t integer(const boost::json::object& object, const char* key) {
  const auto* value = object.if_contains(key);
  if (value == nullptr) return 0;
  if (value->is_int64()) return value->get_int64();
  return value->is_string() ? std::strtoll(value->get_string().c_str(), nullptr, 10) : 0;
}

}  // namespace trainer::plugins::mlflow
