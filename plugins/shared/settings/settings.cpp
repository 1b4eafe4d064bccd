// SPDX-License-Identifier: Apache-2.0
//
// Looks into the configuration, then into the environment.
#include "shared/settings/settings.hpp"

#include <trainer/sdk/repr.hpp>

#include "shared/system/environment.hpp"

namespace trainer::plugins {

std::optional<std::string> setting_text(const sdk::Value& value) {
  switch (value.raw()->type) {
    case TRAINER_NULL:
      return std::nullopt;
    case TRAINER_BOOLEAN:
      return value.flag() ? "true" : "false";
    case TRAINER_INTEGER:
      return std::to_string(value.integer());
    case TRAINER_NUMBER:
      return sdk::repr(value.number());
    default:
      return std::string(value.text());
  }
}

std::optional<std::string> SettingReader::configured(const char* key) const { return setting_text(host_.config(key)); }

std::optional<Setting> SettingReader::find(const char* key, Variables variables) const {
  if (auto text = configured(key)) return Setting{std::move(*text), std::string("config.") + key};
  for (const char* name : variables)
    if (std::string text = variable(name); !text.empty()) return Setting{std::move(text), name};
  return std::nullopt;
}

Setting SettingReader::setting(const char* key, Variables variables) const {
  return find(key, variables).value_or(Setting());
}

std::string SettingReader::text(const char* key, Variables variables) const { return setting(key, variables).text; }

std::map<std::string, std::string> SettingReader::changed_variables(
    std::initializer_list<std::pair<const char*, const char*>> pairs) const {
  std::map<std::string, std::string> changed;
  for (const auto& [key, name] : pairs)
    if (auto text = configured(key)) changed[name] = std::move(*text);
  return changed;
}

}  // namespace trainer::plugins
