// SPDX-License-Identifier: Apache-2.0
//
// The configuration goes before the environment, whatever a setting's type.
#include "shared/settings/settings.hpp"

#include <gtest/gtest.h>

#include "shared/system/environment.hpp"
#include "support/fake_host.hpp"
#include "support/variable.hpp"

namespace trainer::plugins {
namespace {

using test::Cell;

class SettingReaderTest : public testing::Test {
 protected:
  std::string text(const char* key) { return reader().text(key, {"SETTINGS_TEST_B", "SETTINGS_TEST_A"}); }
  SettingReader reader() { return SettingReader(sdk::Host(host.table())); }
  const test::Variable first{"SETTINGS_TEST_A", "of the variable"}, none{"SETTINGS_TEST_B", nullptr};
  test::FakeHost host;
};

TEST_F(SettingReaderTest, TakesTheConfigurationsThenTheFirstVariables) {
  EXPECT_EQ(text("a"), "of the variable");
  host.config["a"] = Cell();
  EXPECT_EQ(text("a"), "of the variable") << "null is as good as none";
  host.config["a"] = Cell("of the configuration");
  EXPECT_EQ(text("a"), "of the configuration");
  host.config["a"] = Cell("");
  EXPECT_EQ(text("a"), "") << "the variable is not looked at";
  EXPECT_EQ(reader().find("b", {"SETTINGS_TEST_B"}), std::nullopt);
}

TEST_F(SettingReaderTest, SaysWhoSetOne) {
  EXPECT_EQ(reader().find("a", {"SETTINGS_TEST_A"})->name, "SETTINGS_TEST_A");
  host.config["a"] = Cell(1.0);
  EXPECT_EQ(reader().find("a", {"SETTINGS_TEST_A"})->name, "config.a");
}

TEST_F(SettingReaderTest, GivesTexts) {
  host.config["a"] = Cell(true);
  EXPECT_EQ(text("a"), "true");
  host.config["a"] = Cell(false);
  EXPECT_EQ(text("a"), "false");
  host.config["a"] = Cell(-3);
  EXPECT_EQ(text("a"), "-3");
  host.config["a"] = Cell(0.25);
  EXPECT_EQ(text("a"), "0.25");
  host.config["a"] = test::json_cell(R"({"b": [1]})");
  EXPECT_EQ(text("a"), R"({"b": [1]})");
}

TEST_F(SettingReaderTest, FillsTheEnvironmentOfAnotherProgram) {
  host.config["a"] = Cell("");
  host.config["b"] = Cell(true);
  const auto changed =
      reader().changed_variables({{"a", "SETTINGS_TEST_A"}, {"b", "SETTINGS_TEST_B"}, {"c", "SETTINGS_TEST_C"}});
  EXPECT_EQ(changed, (std::map<std::string, std::string>{{"SETTINGS_TEST_A", ""}, {"SETTINGS_TEST_B", "true"}}));
  const auto given = environment(changed);
  EXPECT_EQ(given.count("SETTINGS_TEST_A"), 0u);
  EXPECT_EQ(given.at("SETTINGS_TEST_B"), "true");
  EXPECT_EQ(given.at("PATH"), variable("PATH"));
}

}  // namespace
}  // namespace trainer::plugins
