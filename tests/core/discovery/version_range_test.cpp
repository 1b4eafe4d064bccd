// SPDX-License-Identifier: Apache-2.0
#include "discovery/version_range.hpp"

#include <gtest/gtest.h>

#include <sstream>

#include "support/sentence_of.hpp"

using namespace trainer;

namespace {

TEST(Version, AreInTheOrderOfSemver) {
  const char* ascending[] = {"0.9",          "1.0.0-alpha",   "1.0.0-alpha.1", "1.0.0-alpha.beta",
                             "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1",    "1",
                             "1.0.1",        "1.2",           "1.10",          "99999999999999999999.1"};
  for (std::size_t i = 0; i < std::size(ascending); ++i)
    for (std::size_t j = 0; j < std::size(ascending); ++j)
      EXPECT_EQ(*Version::parse(ascending[i]) <=> *Version::parse(ascending[j]), i <=> j)
          << ascending[i] << " " << ascending[j];
  EXPECT_EQ(*Version::parse("1"), *Version::parse("1.0.00"));
  EXPECT_EQ(*Version::parse("1.2.3+build.7"), *Version::parse("1.2.3"));
  for (const char* text : {"", "nightly", "1.", ".1", "1..2", "v1", "1.2-", "1.2-a..b", "1.2 "})
    EXPECT_FALSE(Version::parse(text)) << text;
}

TEST(VersionRange, TakesWhatItSays) {
  struct {
    const char *range, *taken, *refused;
  } cases[] = {
      {"1.2", "1.2 1.2.0 1.2.7 1.2.7-rc.1", "1.2.0-rc.1 1.1 1.3 1.20 2 nightly"},
      {"==1.2", "1.2 1.2.0 1.2.0+5", "1.2.1 1.2.0-rc.1"},
      {">=1.2", "1.2 1.3 2", "1.1.9 1.2-rc.1"},
      {">1.2", "1.2.1", "1.2.0"},
      {"<=1.2", "1.2 1.2-rc.1 0.1", "1.2.1"},
      {">=1.2,<2", "1.2 1.99", "2 2.0.0-rc.1 1.1"},
      {">= 1.2 , <2.0.0-rc.2", "2.0.0-rc.1", "2.0.0-rc.2 2"},
  };
  for (const auto& [range, taken, refused] : cases) {
    const auto versions = VersionRange::parse(range, "");
    for (const auto& [texts, expected] : {std::pair(taken, true), std::pair(refused, false)}) {
      std::istringstream words(texts);
      for (std::string word; words >> word;) EXPECT_EQ(versions.takes(word), expected) << range << " and " << word;
    }
  }
  EXPECT_TRUE(VersionRange().takes("nightly"));
}

TEST(PluginName, IsANameAndVersions) {
  EXPECT_TRUE(PluginName::parse("monitor", "").versions.takes_all());
  const auto name = PluginName::parse("monitor@>=1.2", "");
  EXPECT_EQ(name.name, "monitor");
  EXPECT_EQ(name.text, "monitor@>=1.2");
  EXPECT_FALSE(name.versions.takes("1.1"));
  for (const char* text : {"monitor@", "monitor@latest", "monitor@^1.2", "monitor@1,", "monitor@=1", "monitor@!=1"})
    EXPECT_SAYS(plugin_builder::sentence_of([&] { PluginName::parse(text, "run.json: callbacks[0].plugin"); }),
                "expected versions such as 1.2, ==1.2.0 or >=1.2,<2");
}

}  // namespace
