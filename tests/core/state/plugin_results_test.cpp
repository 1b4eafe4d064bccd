// SPDX-License-Identifier: Apache-2.0
#include "trainer/plugin_results.hpp"

#include <gtest/gtest.h>

#include "support/scratch_directory.hpp"
#include "trainer/log.hpp"

namespace trainer {
namespace {

namespace fs = std::filesystem;
using test::ScratchDirectory;
using test::write;

TEST(PluginResults, PathsBelowTheDirectoryMoveWithIt) {
  const ScratchDirectory scratch;
  const fs::path out = scratch / "out", other = scratch / "other";
  for (const auto& path : {out / "runs", other}) fs::create_directories(path);
  write(out / "a.csv", "x");
  keep_plugin_results(out, {{"tensorboard", "event files", (out / "runs").string(), "tensorboard --logdir {place}"},
                            {"csv", "metrics", (out / "runs" / ".." / "a.csv").string(), ""},
                            {"mlflow", "MLflow", "http://localhost:5000", ""},
                            {"other", "other", other.string(), ""},
                            {"dvclive", "DVCLive", "", "dvc plots show"}});
  fs::rename(out, scratch / "moved");
  const auto kept = kept_plugin_results(scratch / "moved");
  ASSERT_EQ(kept.size(), 5u);
  EXPECT_EQ(fs::path(kept[0].place), scratch / "moved" / "runs");
  EXPECT_EQ(kept[0].plugin, "tensorboard");
  EXPECT_EQ(kept[0].label, "event files");
  EXPECT_EQ(kept[0].view, "tensorboard --logdir {place}");
  EXPECT_EQ(fs::path(kept[1].place), scratch / "moved" / "a.csv");
  EXPECT_EQ(kept[2].place, "http://localhost:5000");
  EXPECT_EQ(fs::path(kept[3].place), other);
  EXPECT_EQ(kept[4].place, "");
  fs::remove(scratch / "moved" / "a.csv");
  fs::remove(other);
  EXPECT_EQ(kept_plugin_results(scratch / "moved").size(), 3u) << "what is gone is left out";
}

TEST(PluginResults, WithoutResultsThereIsNoFile) {
  const ScratchDirectory scratch;
  keep_plugin_results(scratch.path(), {{"a", "a", "http://a", ""}});
  EXPECT_TRUE(fs::exists(scratch / "plugin_results.json"));
  keep_plugin_results(scratch.path(), {});
  EXPECT_TRUE(fs::is_empty(scratch.path()));
  EXPECT_TRUE(kept_plugin_results(scratch.path()).empty());
}

TEST(PluginResults, ADamagedFileIsAWarning) {
  const ScratchDirectory scratch;
  std::string logged;
  log::set_sink([&](log::Level, std::string_view line) { logged += line; });
  for (const char* text : {"", "{", "[]", R"({"results": [1]})", R"({"results": [{"plugin": 1}]})"}) {
    write(scratch / "plugin_results.json", text);
    logged.clear();
    EXPECT_TRUE(kept_plugin_results(scratch.path()).empty());
    EXPECT_NE(logged.find("where the results of plugins are could not be read"), logged.npos) << text;
  }
  log::set_sink({});
}

}  // namespace
}  // namespace trainer
