// SPDX-License-Identifier: Apache-2.0
//
// The JSON of an exported program, which is not trusted: each access checks the kind of what it finds.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "trainer/json.hpp"

namespace trainer::exported {

/// "; the file is damaged ...": the end of a sentence about a file that breaks a rule of its format.
extern const char* const damaged;

/// An Error model-file.invalid.
[[noreturn]] void refuse(const std::string& sentence);

/// The value of a JSON text; an Error model-file.invalid when it is none.
json::value parse(std::string_view text, const std::string& where);

/// A value with its place. `where`, which sentences begin with, and the value are the caller's and must outlive it.
class ProgramJson {
 public:
  ProgramJson(const json::value& value, const std::string& where) : value_(&value), where_(&where) {}

  ProgramJson at(std::string_view key) const;
  /// Nothing when the key is missing or null.
  std::optional<ProgramJson> find(std::string_view key) const;
  /// Of a union: its one key, and what it holds.
  std::pair<std::string_view, ProgramJson> only() const;

  bool is_text() const { return value_->is_string(); }
  std::size_t size() const;                 ///< of a list
  ProgramJson at(std::size_t index) const;  ///< of a list
  const json::object& object() const;       ///< its members are read by member()
  ProgramJson member(const json::object::value_type& entry) const { return {entry.value(), where_, entry.key()}; }

  std::string_view text() const;
  std::vector<std::string> texts(std::string_view key) const;  ///< the list of this key; none when it is not there
  std::int64_t integer() const;
  double number() const;  ///< also "Infinity", "-Infinity" and "NaN", as texts
  bool boolean() const;

  [[noreturn]] void wrong(std::string_view expected) const;
  const std::string& where() const { return *where_; }

 private:
  ProgramJson(const json::value& value, const std::string* where, std::string_view key)
      : value_(&value), where_(where), key_(key) {}

  const json::value* value_;
  const std::string* where_;
  std::string_view key_;  // the last one on the way here
};

}  // namespace trainer::exported
