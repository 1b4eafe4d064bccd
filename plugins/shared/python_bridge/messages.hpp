// SPDX-License-Identifier: Apache-2.0
//
// messages.hpp - the connection to a Python, whose messages are JSON objects.
#pragma once

#include <boost/json.hpp>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <utility>

#include "child/connection.hpp"

namespace trainer::plugins {

class Messages {
 public:
  /// Sees each message first, on the connection's thread; true when it needs nobody else.
  using First = std::function<bool(const boost::json::object&)>;

  Messages(child::Descriptor stream, std::size_t most_bytes, First first)
      : connection_(std::move(stream), most_bytes,
                    [first = std::move(first)](std::string_view body) { return first(object_of(body)); }) {}

  /// As child::Connection has them.
  bool send(std::string_view body, bool must = false) { return connection_.send(body, must); }
  std::optional<boost::json::object> receive(double seconds) {
    const auto body = connection_.receive(seconds);
    return body ? std::optional(object_of(*body)) : std::nullopt;
  }
  bool gone() const { return connection_.gone(); }
  std::uint64_t refused() const { return connection_.refused(); }

 private:
  static boost::json::object object_of(std::string_view body) {
    return std::move(boost::json::parse(body).as_object());
  }

  child::Connection connection_;
};

}  // namespace trainer::plugins
