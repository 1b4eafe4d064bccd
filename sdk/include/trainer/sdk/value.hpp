// SPDX-License-Identifier: Apache-2.0
//
// value.hpp - the values of logs, metrics, arguments and configurations, and the map that has them.
#pragma once

#include <trainer/value.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>

namespace trainer::sdk {

inline std::string_view view(const trainer_text& text) { return {text.data, static_cast<std::size_t>(text.size)}; }

/// One value of a map, an argument or the configuration. Text in it is borrowed; see who gave it.
class Value {
 public:
  Value() : raw_{} { raw_.struct_size = sizeof raw_; }
  Value(std::nullptr_t) : Value() {}
  Value(bool v) : Value() { integer(TRAINER_BOOLEAN, v ? 1 : 0); }
  Value(double v) : Value() { raw_.type = TRAINER_NUMBER, raw_.number = v; }
  template <typename T, std::enable_if_t<std::is_integral_v<T>, int> = 0>
  Value(T v) : Value() {
    integer(TRAINER_INTEGER, static_cast<std::int64_t>(v));
  }
  Value(std::string_view v) : Value() { raw_.type = TRAINER_STRING, raw_.text = {v.data(), v.size()}; }
  Value(const char* v) : Value(std::string_view(v)) {}

  bool is_null() const { return raw_.type == TRAINER_NULL; }
  bool is_string() const { return raw_.type == TRAINER_STRING; }
  /// An int, a float or a bool, as isinstance(v, (int, float)) says in Python.
  bool is_number() const { return raw_.type >= TRAINER_BOOLEAN && raw_.type <= TRAINER_NUMBER; }
  bool is_integer() const { return raw_.type == TRAINER_INTEGER; }

  double number() const { return raw_.number; }              ///< 0 when not a number
  std::int64_t integer() const { return raw_.integer; }      ///< 0 when not an int or a bool
  bool flag() const { return raw_.integer != 0; }            ///< of a bool
  std::string_view text() const { return view(raw_.text); }  ///< of a string; JSON of a list or object

  trainer_value* raw() { return &raw_; }
  const trainer_value* raw() const { return &raw_; }

 private:
  void integer(std::uint32_t type, std::int64_t v) {
    raw_.type = type, raw_.integer = v, raw_.number = static_cast<double>(v);
  }
  trainer_value raw_;
};

/// The ordered map of logs, metrics, or a callback's state. Not owned.
class Map {
 public:
  explicit Map(const trainer_map* map) : map_(const_cast<trainer_map*>(map)) {}

  std::uint64_t size() const { return map_->size(map_); }

  /// Calls f(std::string_view key, const Value&) for each entry in order; f must not use the map.
  template <typename F>
  void for_each(F&& f) const {
    if (can_read()) {
      constexpr std::uint64_t some = 16;
      static_assert(sizeof(Value) == sizeof(trainer_value), "Value is a trainer_value");
      trainer_text keys[some];
      Value values[some];
      for (std::uint64_t first = 0, n = some; n == some; first += n) {
        n = map_->read(map_, first, some, keys, values[0].raw());
        for (std::uint64_t i = 0; i < n && i < some; ++i) f(view(keys[i]), static_cast<const Value&>(values[i]));
      }
      return;
    }
    trainer_text key{};
    Value value;
    for (std::uint64_t i = 0; map_->at(map_, i, &key, value.raw()) == TRAINER_OK; ++i)
      f(view(key), static_cast<const Value&>(value));
  }

  /// Empty when absent; text is borrowed until the next call on the map.
  std::optional<Value> get(std::string_view key) const {
    Value value;
    if (map_->get(map_, key.data(), key.size(), value.raw()) != TRAINER_OK) return std::nullopt;
    return value;
  }

  void set(std::string_view key, const Value& value) {
    if (map_->set(map_, key.data(), key.size(), value.raw()) != TRAINER_OK)
      throw std::runtime_error("the host refused the value of \"" + std::string(key) + "\"");
  }
  bool erase(std::string_view key) { return map_->remove(map_, key.data(), key.size()) == TRAINER_OK; }

 private:
  // A host need not have this function.
  bool can_read() const { return TRAINER_OFFERS(map_, trainer_map, read) && map_->read != nullptr; }

  trainer_map* map_;
};

}  // namespace trainer::sdk
