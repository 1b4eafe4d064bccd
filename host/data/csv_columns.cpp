// SPDX-License-Identifier: Apache-2.0
//
// What a model keeps of the columns that it was trained with.
#include "trainer/csv_columns.hpp"
#include "data/data_description.hpp"
#include "state/checkpoint_names.hpp"
#include "trainer/error.hpp"

namespace trainer {

json::object CsvColumns::to_json() const {
  json::object out{{"features", json::array(features.begin(), features.end())}};
  if (!missing.empty()) out.emplace("missing", json::array(missing.begin(), missing.end()));
  if (!classes.empty()) out.emplace("classes", classes.to_json());
  return out;
}

std::optional<CsvColumns> CsvColumns::of_checkpoint(const std::filesystem::path& directory) {
  const json::object kept = kept_description(directory);
  const auto* features = kept.if_contains("features");
  if (!features) return std::nullopt;
  const std::string where = (directory / args_file).string() + ": data";
  const auto wrong = [&](const char* key, const char* expected) {
    throw_run(error_id::checkpoint_damaged, where + "." + key + " is " + json::dump(kept.at(key)) + ", expected " +
                                                expected + "; take another checkpoint");
  };
  CsvColumns out;
  if (!features->is_array()) wrong("features", "a list of names");
  for (const auto& name : features->get_array()) {
    if (!name.is_string()) wrong("features", "a list of names");
    out.features.emplace_back(name.get_string());
  }
  if (const auto* missing = kept.if_contains("missing")) {
    if (!missing->is_array() || missing->get_array().size() != out.features.size())
      wrong("missing", "a number for each feature");
    for (const auto& number : missing->get_array()) {
      if (!number.is_number()) wrong("missing", "a number for each feature");
      out.missing.push_back(number.to_number<double>());
    }
  }
  if (const auto* classes = kept.if_contains("classes"))
    out.classes = ClassNames::from_json(*classes, where + ".classes");
  return out;
}

}  // namespace trainer
