// SPDX-License-Identifier: Apache-2.0
//
// JSON values as Python prints them: what str() and repr() give for what json.loads() makes of
// them. Trackers store parameters as such texts.
#pragma once

#include <boost/json/value.hpp>
#include <string>
#include <string_view>

namespace trainer::plugins {

/// repr(): None, True, 1e-05, 'text', [1, 2], {'a': None}.
void append_python_repr(std::string& out, const boost::json::value& value);

/// repr() of a text (UTF-8): in single quotes, or in double ones when it has single ones only.
void append_python_repr(std::string& out, std::string_view text);

/// str(): as repr(), but a text as it is.
std::string python_str(const boost::json::value& value);

/// len() of a text: code points, not bytes.
std::size_t python_length(std::string_view utf8);

/// The first `length` code points.
std::string_view python_prefix(std::string_view utf8, std::size_t length);

/// Python's dialect of JSON, in which NaN, Infinity and -Infinity are numbers. Throws
/// boost::system::system_error for what is no JSON.
boost::json::value parse_python_json(std::string_view json);

}  // namespace trainer::plugins
