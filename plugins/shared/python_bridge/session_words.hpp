// SPDX-License-Identifier: Apache-2.0
//
// Words and limits that the two files of BridgeSession share.
#pragma once

#include <boost/json.hpp>
#include <string>
#include <string_view>

namespace trainer::plugins {

// About 100 000 logs: a tracker that has taken none of so many will not take the rest either.
inline constexpr std::size_t most_waiting_bytes = 64u << 20;

/// The text of a key, or nothing when it has none.
inline std::string text_in(const boost::json::object& message, std::string_view key) {
  const auto* found = message.if_contains(key);
  return found && found->is_string() ? std::string(found->get_string()) : std::string();
}

/// 60 as "60 s", 0.5 as "0.5 s".
inline std::string seconds(double value) {
  std::string text = std::to_string(value);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text + " s";
}

}  // namespace trainer::plugins
