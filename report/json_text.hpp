// SPDX-License-Identifier: Apache-2.0
//
// JSON that may stand within a <script> of a page: no character of it can end the element or begin another.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace trainer::report {

/// With its quotes; <, >, & and U+2028/9 are \uXXXX, what is not UTF-8 is U+FFFD.
void append_json_text(std::string& out, std::string_view utf8);
/// The shortest text that reads back as the same double; NaN and the infinities are strings.
void append_json_number(std::string& out, double number);
void append_json_number(std::string& out, std::int64_t number);

}  // namespace trainer::report
