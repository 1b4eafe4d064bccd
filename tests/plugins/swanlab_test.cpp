// SPDX-License-Identifier: Apache-2.0
//
// Keys, values and names as SwanLab's client (0.10.3) stores them; tests/trackers/swanlab_test.py runs both.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "support/fake_host.hpp"
#include "swanlab/config_file.hpp"
#include "swanlab/log_values.hpp"
#include "swanlab/settings.hpp"

namespace trainer::swanlab {
namespace {

using sdk::Value;

constexpr double infinity = std::numeric_limits<double>::infinity();

TEST(SwanLabKey, IsTrimmedCutOrRefused) {
  EXPECT_EQ("train/loss", metric_key("train/loss"));
  EXPECT_EQ("a b/\u00e4", metric_key(" ./a b/\u00e4\t./\n"));
  EXPECT_EQ(std::string(512, 'a'), metric_key("/" + std::string(600, 'a')));
  std::string wide;
  for (int i = 0; i < 512; ++i) wide += "\u00e4";
  EXPECT_EQ(wide, metric_key(wide + "x"));
  for (const std::string& key : {std::string(), std::string("./ "), std::string("a\nb"), std::string("a\x7f"),
                                 std::string("a\0b", 3), std::string(511, 'a') + "/b", std::string("__swanlab__.a")})
    EXPECT_EQ(std::nullopt, metric_key(key)) << key;
}

TEST(SwanLabNumber, IsPythonsOfAText) {
  const std::pair<const char*, double> numbers[] = {{"1", 1},         {" -2.5e1\n", -25}, {"+.5", .5},
                                                    {"1_000.0", 1e3}, {"1e-999", 0},      {"5.", 5}};
  for (const auto& [text, number] : numbers) EXPECT_EQ(number, text_number(text)) << text;
  for (const char* text : {"nan", "-inf", "Infinity", "1e999"})
    EXPECT_TRUE(std::isnan(text_number(text).value())) << text;
  for (const char* text : {"", "abc", "0x10", "1_", "_1", "1__0", "1 2", "+-1", "nan(1)"})
    EXPECT_EQ(std::nullopt, text_number(text)) << text;
}

TEST(SwanLabValues, AreThoseOfOneLog) {
  LogValues values;
  const auto json = [](const char* text) {
    Value value;
    value.raw()->type = TRAINER_JSON;
    value.raw()->text = {text, std::char_traits<char>::length(text)};
    return value;
  };
  values.add("a", Value(1.5));
  values.add("b", Value(infinity));
  values.add("c", Value(true));
  values.add("d", Value("0.5"));
  values.add("e", json(R"({"x": 1, "y/": {"z.": Infinity, "w": "inf"}, "no": [1], "none": null})"));
  values.add("/a.", Value(2.5));  // the key of the first
  values.add("f", Value("text"));
  values.add("g", Value());
  values.add("\n", Value(1.0));
  values.add("h", json("[1]"));
  values.add("c.", Value());
  std::vector<std::pair<std::string, double>> found;
  for (const auto& [key, value] : values.entries()) found.emplace_back(key, std::isnan(value) ? -1 : value);
  EXPECT_EQ((std::vector<std::pair<std::string, double>>{
                {"a", 2.5}, {"b", infinity}, {"d", .5}, {"e/x", 1}, {"e/y//z", infinity}, {"e/y//w", -1}}),
            found);
  std::string refused;
  for (const auto& [key, why] : values.refused()) refused += key + " " + why + "|";
  EXPECT_EQ(
      "e/no is not a number|e/none is not a number|f is not a number|g is not a number|"
      "\n has a key that SwanLab refuses|h is not a number|c. is not a number|",
      refused);
  values.clear();
  EXPECT_TRUE(values.entries().empty() && values.refused().empty());
}

TEST(SwanLabNames, AreWhatItsClientTakes) {
  Settings settings;
  settings.project = "l\u00e4ufer/7";
  settings.name = std::string(600, 'n');
  settings.tags = std::vector<std::string>(31, "t");
  fit_names(settings);
  EXPECT_EQ("l_ufer_7", settings.project);
  EXPECT_EQ(512u, settings.name.size());
  EXPECT_EQ(30u, settings.tags.size());
  EXPECT_EQ(3u, settings.warnings.size());
}

TEST(SwanLabConfig, WritesSpecialNumbersAsItsClient) {
  const std::string yaml =
      config_yaml(plugins::parse_json(R"({"a": Infinity, "b": {"c": [NaN, -Infinity]}, "d": [NaN]})"));
  EXPECT_NE(yaml.find("value: .inf\n"), std::string::npos) << yaml;
  EXPECT_NE(yaml.find("{\"c\": [\"NaN\", \"Inf\"]}\n"), std::string::npos) << yaml;
  EXPECT_NE(yaml.find("[.nan]\n"), std::string::npos) << yaml;
}

TEST(SwanLabSettings, OfTheConfigurationGoBeforeTheEnvironments) {
  const std::pair<const char*, const char*> variables[] = {
      {"SWANLAB_MODE", "disabled"}, {"SWANLAB_PROJECT", "e"},           {"SWANLAB_EXPERIMENT_NAME", "e"},
      {"SWANLAB_TAGS", "e"},        {"SWANLAB_PROJECT_PUBLIC", "true"}, {"SWANLAB_RESUME", "must"}};
  for (const auto& [name, value] : variables) ::setenv(name, value, 1);
  test::FakeHost host;
  const plugins::SettingReader given{sdk::Host(host.table())};
  EXPECT_TRUE(is_disabled(given));
  host.config["mode"] = test::Cell("offline");
  host.config["project"] = test::Cell("c");
  host.config["exp_name"] = test::Cell("");
  host.config["tags"] = test::json_cell(R"(["a, b", "c"])");
  host.config["public"] = test::Cell(false);
  host.config["resume"] = test::Cell("never");
  const Settings settings = read_settings(given, false);
  EXPECT_EQ(Settings::Mode::offline, settings.mode);
  EXPECT_EQ("c", settings.project);
  EXPECT_EQ("", settings.name);
  EXPECT_EQ((std::vector<std::string>{"a, b", "c"}), settings.tags);
  EXPECT_FALSE(settings.is_public);
  EXPECT_EQ(Settings::Resume::never, settings.resume);
  for (const auto& [name, value] : variables) ::unsetenv(name);
}

}  // namespace
}  // namespace trainer::swanlab
