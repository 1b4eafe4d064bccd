// SPDX-License-Identifier: Apache-2.0
//
// One object of a run file, read key by key. Whatever is wrong in it is an Error that says the place.
#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "trainer/json.hpp"

namespace trainer {

class RunSection {
 public:
  /// `where` is the object's place for messages, such as "run.json.data".
  RunSection(const json::value& v, std::string where);

  const std::string& where() const { return where_; }
  std::string place(std::string_view key) const { return where_ + "." + std::string(key); }

  void allow(const std::vector<std::string>& names) const;
  const json::value* find(std::string_view key) const { return object_->if_contains(key); }
  const json::value& require(std::string_view key, std::string_view what) const;

  std::string text(std::string_view key, std::string fallback) const;
  std::string choice(std::string_view key, std::string fallback, const std::vector<std::string>& names) const;
  bool flag(std::string_view key) const;
  std::vector<std::string> texts(std::string_view key, const char* expected) const;

  /// From 1 to `most`.
  static std::int64_t whole_number(const json::value& v, const std::string& place, std::string_view expected,
                                   std::int64_t most = std::numeric_limits<std::int64_t>::max());
  static std::string text_of(const json::value& v, const std::string& place);
  static void check_choice(const std::string& v, const std::string& place, const std::vector<std::string>& names);
  [[noreturn]] static void wrong_type(const json::value& v, const std::string& place, std::string_view expected);

 private:
  std::string where_;
  const json::object* object_ = nullptr;
};

/// Nothing for nothing.
std::filesystem::path absolute_to(const std::filesystem::path& base, const std::string& given);

}  // namespace trainer
