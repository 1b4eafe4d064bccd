// SPDX-License-Identifier: Apache-2.0
//
// Values as bytes, between two processes of one build.
#pragma once

#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>

#include "trainer/json.hpp"

namespace trainer::isolation {

/// Appends to a text that is kept for the next record, so that a steady flow allocates nothing.
class Writer {
 public:
  explicit Writer(std::string& to) : to_(to) {}

  template <typename T>
  void put(const T& value) {
    static_assert(std::is_trivially_copyable_v<T>);
    to_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  void text(std::string_view text) {
    put(static_cast<std::uint64_t>(text.size()));
    to_.append(text);
  }
  void value(const json::value& v);
  void object(const json::object& values);  ///< in their order

 private:
  std::string& to_;
};

/// Of bytes that no process of this build sends.
struct BadBytes : std::runtime_error {
  BadBytes() : std::runtime_error("bytes that no trainer of this build writes") {}
};

/// Reads what a Writer of another process wrote, or what that process made of it: BadBytes for what no Writer writes.
class Reader {
 public:
  /// More values are BadBytes, too: each takes more memory than the byte that it can be.
  explicit Reader(std::string_view bytes, std::uint64_t most_values = ~std::uint64_t{0})
      : left_(bytes), values_left_(most_values) {}

  template <typename T>
  T get() {
    static_assert(std::is_trivially_copyable_v<T>);
    T value;
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
  }
  std::string_view text() { return take(get<std::uint64_t>()); }
  json::value value() { return value(0); }
  json::object object() { return object(0); }
  std::string_view rest() { return take(left_.size()); }
  bool empty() const { return left_.empty(); }
  /// BadBytes when something is left.
  void end() const {
    if (!empty()) throw BadBytes();
  }

 private:
  std::string_view take(std::uint64_t size);
  json::value value(int depth);
  json::object object(int depth);

  std::string_view left_;
  std::uint64_t values_left_;
};

}  // namespace trainer::isolation
