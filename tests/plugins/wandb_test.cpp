// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "support/fake_host.hpp"
#include "support/fake_nvml.hpp"
#include "support/plugin_builder.hpp"
#include "support/scratch_directory.hpp"
#include "wandb/artifact.hpp"
#include "wandb/gpu_stats.hpp"
#include "wandb/settings.hpp"
#include "wandb/watch.hpp"

namespace trainer::wandb {
namespace {

template <typename T>
std::vector<T> numbers() {
  std::vector<T> values;
  for (int i = 0; i < 200; ++i) values.push_back(static_cast<T>((i * i * 7 + 3 * i) % 101 / 10.0 - 3.3));
  return values;
}

// torch 2.13: torch.tensor(values).histc(64, min, max).
const std::vector<std::int64_t> counts_of_torch{8, 4, 3, 4, 0, 4, 4, 4, 4, 4, 4, 0, 8, 4, 7, 0, 4, 4, 4, 0, 4, 8,
                                                4, 0, 0, 0, 0, 4, 0, 4, 0, 4, 8, 4, 4, 0, 0, 8, 0, 2, 8, 0, 0, 4,
                                                4, 4, 8, 0, 4, 0, 4, 0, 0, 0, 0, 4, 8, 4, 0, 4, 4, 4, 0, 8};

TEST(WandbHistogram, CountsAsTorchDoes) {
  const Histogram narrow = histogram(numbers<float>());
  EXPECT_EQ(counts_of_torch, narrow.counts);
  EXPECT_EQ(counts_of_torch, histogram(numbers<double>()).counts);
  ASSERT_EQ(65u, narrow.edges.size());
  // torch.linspace(min, max, 65)[i].item()
  EXPECT_EQ(-3.299999952316284, narrow.edges[0]);
  EXPECT_EQ(-3.143749952316284, narrow.edges[1]);
  EXPECT_EQ(1.5437500476837158, narrow.edges[31]);
  EXPECT_EQ(1.6999998092651367, narrow.edges[32]);
  EXPECT_EQ(1.8562498092651367, narrow.edges[33]);
  EXPECT_EQ(6.543749809265137, narrow.edges[63]);
  EXPECT_EQ(6.699999809265137, narrow.edges[64]);
}

TEST(WandbHistogram, LeavesOutWhatIsNotFinite) {
  const Histogram made = histogram(std::vector<float>{NAN, 2, INFINITY, 2, -INFINITY});
  EXPECT_EQ(std::vector<std::int64_t>{2}, made.counts);
  EXPECT_EQ((std::vector<float>{2, 2}), made.edges);
  EXPECT_TRUE(histogram(std::vector<double>{NAN}).counts.empty());
  EXPECT_TRUE(histogram(std::vector<float>{}).counts.empty());
  EXPECT_TRUE(histogram(std::vector<float>{-3e38f, 3e38f}).counts.empty());
}

// The names and units are those of wandb 0.31.0.
TEST(WandbGpus, HaveARowEachOfWhatTheyTell) {
  const test::ScratchDirectory directory;
  const std::string library = plugin_builder::compile(directory.path() / "libnvidia-ml.so.1", test::fake_nvml);
  const auto gpus = GpuSampler::open(library.c_str());
  ASSERT_TRUE(gpus);
  std::vector<std::pair<std::string, double>> row{{"cpu", 1}};
  gpus->sample(row);
  const std::vector<std::pair<std::string, double>> expected{
      {"cpu", 1},
      {"gpu.0.gpu", 40},
      {"gpu.0.memory", 5},
      {"gpu.0.memoryAllocated", 25},
      {"gpu.0.memoryAllocatedBytes", 2000},
      {"gpu.0.temp", 50},
      {"gpu.0.powerWatts", 100},
      {"gpu.0.enforcedPowerLimitWatts", 400},
      {"gpu.0.powerPercent", 25},
      {"gpu.0.smClock", 1000},
      {"gpu.0.memoryClock", 2000},
      {"gpu.1.gpu", 60},
      {"gpu.1.memory", 5},
      {"gpu.1.memoryAllocated", 25},
      {"gpu.1.memoryAllocatedBytes", 2000},
      {"gpu.1.temp", 51},
      {"gpu.1.powerWatts", 100},
      {"gpu.1.smClock", 1000},
      {"gpu.1.memoryClock", 2000},
  };
  EXPECT_EQ(expected, row);
  EXPECT_FALSE(GpuSampler::open("libno-such-nvml.so.1"));
}

// The right sides are those of wandb.util.make_artifact_name_safe(), wandb 0.31.0.
TEST(WandbArtifact, HasANameThatItsClientTakes) {
  EXPECT_EQ("model-a.b_C-1", artifact_name("model-a.b_C-1"));
  EXPECT_EQ("model-l_ufer___7___quoted____more", artifact_name("model-l\u00e4ufer/\u2116 7: \"quoted\" & more"));
  EXPECT_EQ("model-_a_", artifact_name("model-\U0001F917a\n"));
  EXPECT_EQ(std::string(128, 'a'), artifact_name(std::string(128, 'a')));
  EXPECT_EQ(std::string(63, 'a') + ".." + std::string(63, 'b'),
            artifact_name(std::string(70, 'a') + std::string(70, 'b')));
}

TEST(WandbSettings, LeavesOutWhatItsClientRefuses) {
  ::setenv("WANDB_TAGS", (",a,,b c," + std::string(65, 'x')).c_str(), 1);
  ::setenv("WANDB_PROJECT", "a/b#c", 1);
  const test::FakeHost host;
  const plugins::SettingReader given{sdk::Host(host.table())};
  const Settings settings = read_settings(given);
  EXPECT_EQ((std::vector<std::string>{"a", "b c"}), settings.tags);
  EXPECT_EQ("a_b_c", settings.project);
  ASSERT_EQ(4u, settings.warnings.size());
  EXPECT_NE(settings.warnings[0].find("the W&B project \"a/b#c\" is \"a_b_c\" there"), std::string::npos);
  EXPECT_NE(settings.warnings[1].find("WANDB_TAGS has an empty tag"), std::string::npos);
  ::unsetenv("WANDB_TAGS");
  ::unsetenv("WANDB_PROJECT");
  for (const char* id : {"a/b", "a:b", "a;b", "a,b", "a'b", " a", "a "}) {
    ::setenv("WANDB_RUN_ID", id, 1);
    EXPECT_THROW(read_settings(given), std::invalid_argument) << id;
  }
  ::unsetenv("WANDB_RUN_ID");
}

TEST(WandbSettings, OfTheConfigurationGoBeforeTheEnvironments) {
  const std::pair<const char*, const char*> variables[] = {
      {"WANDB_MODE", "disabled"},       {"WANDB_PROJECT", "e"},   {"WANDB_TAGS", "e"}, {"WANDB_DISABLED", "true"},
      {"WANDB__DISABLE_STATS", "true"}, {"WANDB_LOG_MODEL", "e"}, {"WANDB_NAME", "e"}, {"WANDB_QUIET", "true"}};
  for (const auto& [name, value] : variables) ::setenv(name, value, 1);
  test::FakeHost host;
  EXPECT_EQ(Settings::Mode::disabled, read_settings(plugins::SettingReader{sdk::Host(host.table())}).mode);
  host.config["mode"] = test::Cell("offline");
  host.config["project"] = test::Cell("c");
  host.config["tags"] = test::json_cell(R"(["a, b", "c"])");
  host.config["disable_stats"] = test::Cell(false);
  host.config["stats_sampling_interval"] = test::Cell(2);
  host.config["log_model"] = test::Cell("end");
  host.config["name"] = test::Cell("");
  host.config["quiet"] = test::Cell(false);
  host.config["api_key"] = test::Cell("key");
  const plugins::SettingReader given{sdk::Host(host.table())};
  const Settings settings = read_settings(given);
  EXPECT_EQ(Settings::Mode::offline, settings.mode);
  EXPECT_EQ("c", settings.project);
  EXPECT_EQ((std::vector<std::string>{"a, b", "c"}), settings.tags);
  EXPECT_TRUE(settings.stats);
  EXPECT_EQ(2, settings.stats_interval.count());
  EXPECT_EQ("end", settings.log_model.text);
  EXPECT_EQ("", settings.name);
  EXPECT_FALSE(settings.quiet);
  EXPECT_TRUE(has_key(given));
  host.config["mode"] = test::Cell("on");
  try {
    read_settings(given);
    ADD_FAILURE() << "a mode that is none";
  } catch (const std::invalid_argument& e) {
    EXPECT_STREQ("config.mode is \"on\", expected online, offline or disabled; correct it or unset it", e.what());
  }
  for (const auto& [name, value] : variables) ::unsetenv(name);
}

TEST(WandbArtifact, HasTheDigestsOfItsClient) {
  const test::ScratchDirectory scratch;
  ::setenv("WANDB_DATA_DIR", (scratch.path() / "data").c_str(), 1);
  std::filesystem::create_directories(scratch.path() / "model" / "b");
  std::ofstream(scratch.path() / "model" / "model_architecture.txt");
  Artifact artifact;
  artifact.add_directory(scratch.path() / "model");
  ASSERT_EQ(1u, artifact.files.size());
  // wandb 0.31.0's record of an artifact with this one empty file.
  EXPECT_EQ("1B2M2Y8AsgTpgAmY7PhCfg==", artifact.files[0].digest);
  EXPECT_EQ("c5a3a922da617ab4c29e2aced846d4e7", artifact.digest());
  std::ofstream(scratch.path() / "model" / "b" / "c.txt") << "abc";
  Artifact second;
  second.add_directory(scratch.path() / "model");
  ASSERT_EQ(2u, second.files.size());
  EXPECT_EQ("b/c.txt", second.files[0].path);
  EXPECT_EQ("kAFQmDzST7DWlj99KOF/cg==", second.files[0].digest);  // MD5("abc") of RFC 1321
  EXPECT_EQ(3u, second.files[0].size);
  ::unsetenv("WANDB_DATA_DIR");
}

}  // namespace
}  // namespace trainer::wandb
