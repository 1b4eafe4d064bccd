// SPDX-License-Identifier: Apache-2.0
//
// What a user sets for a plugin: a key of its configuration, else an environment variable, else nothing.
#pragma once

#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <trainer/sdk/host.hpp>
#include <utility>

namespace trainer::plugins {

struct Setting {
  std::string text;  ///< a flag as true or false, a number as repr() has it, a list or an object as JSON
  std::string name;  ///< who set it, for sentences: "config.mode", or "WANDB_MODE"
};

/// Reads the settings of one instance. The note gives each such key the type "null" and the default null, and
/// names the variable in its description.
class SettingReader {
 public:
  using Variables = std::initializer_list<const char*>;

  explicit SettingReader(const sdk::Host& host) : host_(host) {}

  /// The configuration's `key` when it is not null; were it an empty text, the variables are not looked at. Else the
  /// first of `variables` that is not empty.
  std::optional<Setting> find(const char* key, Variables variables) const;
  /// The same; one with neither text nor name when nobody set it.
  Setting setting(const char* key, Variables variables) const;
  /// Its text.
  std::string text(const char* key, Variables variables) const;

  /// For a program that reads the environment itself: the variables that the configuration sets, of pairs of a key
  /// and a variable. An empty value unsets one.
  std::map<std::string, std::string> changed_variables(
      std::initializer_list<std::pair<const char*, const char*>> pairs) const;

 private:
  std::optional<std::string> configured(const char* key) const;
  sdk::Host host_;
};

/// A value of a configuration as a setting's text; nothing for null.
std::optional<std::string> setting_text(const sdk::Value& value);

}  // namespace trainer::plugins
