// SPDX-License-Identifier: Apache-2.0
#include "trainer/plugin_registry.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>

#include "support/plugin_builder.hpp"
#include "trainer/log.hpp"

using namespace trainer;
using namespace plugin_builder;

namespace {

class RegistryTest : public testing::Test {
 protected:
  // The log goes to a list, which tests look at.
  void SetUp() override {
    log::set_sink([this](log::Level, std::string_view text) { lines.emplace_back(text); });
  }
  void TearDown() override { log::set_sink({}); }

  fs::path make(const std::string& name) {
    fs::create_directory(temporary.path() / name);
    return temporary.path() / name;
  }

  TemporaryDirectory temporary;
  std::vector<std::string> lines;
};

// An environment variable for the length of a test.
class Variable {
 public:
  Variable(const char* name, const std::string& value) : name_(name) {
    if (const char* before = std::getenv(name)) before_ = before;
    ::setenv(name, value.c_str(), 1);
  }
  ~Variable() { before_.empty() ? ::unsetenv(name_) : ::setenv(name_, before_.c_str(), 1); }

 private:
  const char* name_;
  std::string before_;
};

TEST_F(RegistryTest, LooksInTheDocumentedPlacesInOrder) {
  const auto a = make("a"), b = make("b"), c = make("c"), data = make("data");
  const Variable list("TRAINER_PLUGIN_PATH", b.string() + "::" + c.string() + ":");
  const Variable xdg("XDG_DATA_HOME", data.string());
  const auto found = plugin_directories({a, a / "../a"});
  ASSERT_GE(found.size(), 5u);
  EXPECT_EQ(found[0], a);
  EXPECT_EQ(found[1].lexically_normal(), b);
  EXPECT_EQ(found[2], c);
  EXPECT_EQ(found[3], data / "libtrainer/plugins");
  EXPECT_TRUE(std::any_of(found.begin() + 4, found.end(),
                          [](const fs::path& path) { return path.string().ends_with("lib/libtrainer/plugins"); }));
}

TEST_F(RegistryTest, UsesTheHomeDirectoryWithoutXdg) {
  const Variable xdg("XDG_DATA_HOME", "relative/is/ignored");
  const Variable home("HOME", "/home/someone");
  const auto found = plugin_directories({});
  EXPECT_NE(std::find(found.begin(), found.end(), "/home/someone/.local/share/libtrainer/plugins"), found.end());
}

TEST_F(RegistryTest, RefusesADirectoryThatIsNone) {
  write(temporary.path() / "x.so", "text");
  for (const auto& path : {temporary.path() / "missing", temporary.path() / "x.so"}) {
    const auto sentence = sentence_of([&] { plugin_directories({path}); });
    EXPECT_SAYS(sentence, path.string());
    EXPECT_SAYS(sentence, "--plugin-dir");
  }
}

TEST_F(RegistryTest, FindsPluginsByNameAndSkipsTheRest) {
  const auto dir = make("plugins");
  compile(dir / "b.so", good("beta", "\"report_to\": \"beta\""));
  compile(dir / "a.so", good("alpha"));
  write(dir / "readme.txt", "text");
  write(dir / "broken.so", "text");
  make("plugins/sub.so");
  compile(dir / "helper.so", "int helper(void) { return 1; }");
  fs::create_symlink("helper.so", dir / "libhelper.so");
  const PluginRegistry registry({temporary.path() / "missing", dir, dir});

  ASSERT_EQ(registry.plugins().size(), 2u);
  EXPECT_EQ(registry.plugins()[0].note.id, "alpha");
  EXPECT_EQ(registry.find("beta")->path, dir / "b.so");
  EXPECT_EQ(registry.find("gamma"), nullptr);
  ASSERT_EQ(registry.trackers().size(), 1u);
  EXPECT_EQ(registry.trackers()[0]->note.id, "beta");
  EXPECT_TRUE(registry.duplicates().empty());
  ASSERT_EQ(registry.problems().size(), 4u);
  EXPECT_SAYS(registry.problems()[0].sentence, "broken.so is a text file");
  EXPECT_SAYS(registry.problems()[1].sentence, "without a plugin's note");
  EXPECT_SAYS(registry.problems()[2].sentence, "a symbolic link");
  EXPECT_SAYS(registry.problems()[3].sentence, "a directory");
  // A library that is no plugin is nothing to warn of, nor is a link to one.
  EXPECT_EQ(lines.size(), 2u);
}

TEST_F(RegistryTest, FirstMatchWinsAndTheOtherIsReported) {
  const auto first = make("first"), second = make("second");
  compile(first / "x.so", good("twice"));
  compile(second / "a.so", good("twice"));
  const PluginRegistry registry({first, second});
  ASSERT_EQ(registry.plugins().size(), 1u);
  EXPECT_EQ(registry.find("twice")->path, first / "x.so");
  ASSERT_EQ(registry.duplicates().size(), 1u);
  EXPECT_EQ(registry.duplicates()[0].file.path, second / "a.so");
  EXPECT_EQ(registry.duplicates()[0].used, first / "x.so");
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_SAYS(lines[0], "was found first");
}

TEST_F(RegistryTest, SaysWhatThereIsInstead) {
  const auto dir = make("plugins");
  compile(dir / "csv.so", good("csv"));
  write(dir / "broken.so", "");
  write(dir / "libother.so", "MZ");
  const PluginRegistry registry({dir, temporary.path() / "missing"});
  EXPECT_EQ(registry.require("csv", "run.json: callbacks[0]").note.id, "csv");

  const auto sentence = sentence_of([&] { registry.require("cvs", "run.json: callbacks[0]"); });
  EXPECT_SAYS(sentence, "run.json: callbacks[0]");
  EXPECT_SAYS(sentence, "did you mean \"csv\"");
  EXPECT_SAYS(sentence, "available: csv");
  EXPECT_SAYS(sentence, dir.string());
  EXPECT_SAYS(sentence, "missing (does not exist)");
  EXPECT_SAYS(sentence_of([&] { registry.require("broken", "run.json"); }), "broken.so is empty");
  EXPECT_SAYS(sentence_of([&] { registry.require("other", "run.json"); }), "Windows DLL");
  EXPECT_SAYS(sentence_of([&] { PluginRegistry({}).require("csv", "run.json"); }),
              "available: none; searched no directory");
}

// A plugin of this version.
std::string versioned(const std::string& id, const std::string& version, const std::string& keys = "") {
  return with_note("{\"id\": \"" + id + "\", \"version\": \"" + version + "\", \"events\": [\"on_log\"]" + keys + "}");
}

TEST_F(RegistryTest, TakesTheFirstFileOfAVersionThatIsAskedFor) {
  const auto first = make("first"), second = make("second");
  compile(first / "x.so", versioned("monitor", "1.1.0", ", \"report_to\": \"seen\""));
  compile(second / "a.so", versioned("monitor", "1.2.0-rc.1", ", \"report_to\": \"seen\""));
  compile(second / "b.so", versioned("monitor", "1.2.3", ", \"report_to\": \"seen\""));
  const PluginRegistry registry({first, second});
  lines.clear();
  EXPECT_EQ(registry.require("monitor", "here").path, first / "x.so");
  EXPECT_EQ(registry.require("monitor@<1.2", "here").path, first / "x.so");
  EXPECT_TRUE(lines.empty());
  EXPECT_EQ(registry.require("monitor@1.2", "here").path, second / "b.so");
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_SAYS(lines[0], "here: plugin \"monitor@1.2\" is " + (second / "b.so").string() +
                            ", version 1.2.3; passed over: " + (first / "x.so").string() + " has 1.1.0, " +
                            (second / "a.so").string() + " has 1.2.0-rc.1");
  EXPECT_EQ(registry.require_tracker("seen@>=1.2.0-rc.1", "here")->path, second / "a.so");
  EXPECT_EQ(registry.require_tracker("monitor", "here"), nullptr);
  EXPECT_SAYS(sentence_of([&] { registry.require_tracker("seen@2", "here names \"seen@2\""); }),
              "here names \"seen@2\", of which no such version was found: ");
  const auto sentence = sentence_of([&] { registry.require("monitor@2", "run.json: callbacks[0]"); });
  EXPECT_SAYS(sentence, "run.json: callbacks[0]: plugin \"monitor@2\", of which no such version was found: " +
                            (first / "x.so").string() + " has 1.1.0, ");
  EXPECT_SAYS(sentence, "install one that fits, or change what follows the @");
}

TEST_F(RegistryTest, NamesTheFilesOfThatIdThatAreOfNoUse) {
  const auto dir = make("plugins");
  compile(dir / "newer.so", versioned("monitor", "2.0", ", \"report_to\": \"seen\""));
  auto bytes = read(dir / "newer.so");
  const std::size_t note = bytes.find("LibTrainer note");
  bytes[note + 16] = 9;  // the ABI's major
  write(dir / "newer.so", bytes);
  compile(dir / "open.so", versioned("other", "1.0"));
  fs::permissions(dir / "open.so", fs::perms::all);
  compile(dir / "strange.so", versioned("third", "1.0"));
  bytes = read(dir / "strange.so");
  bytes[18] = 40;  // ARM
  write(dir / "strange.so", bytes);
  const PluginRegistry registry({dir});
  ASSERT_EQ(registry.problems().size(), 3u);
  EXPECT_SAYS(sentence_of([&] { registry.require("monitor", "here"); }),
              "plugin \"monitor\" cannot be used: " + (dir / "newer.so").string() + ": it needs the plugin ABI 9.");
  EXPECT_SAYS(sentence_of([&] { registry.require_tracker("seen", "args.report_to names \"seen\""); }),
              "args.report_to names \"seen\", which cannot be used: " + (dir / "newer.so").string());
  EXPECT_SAYS(sentence_of([&] { registry.require("other", "here"); }), "chmod");
  EXPECT_SAYS(sentence_of([&] { registry.require("third", "here"); }), "is for ARM (32 bit)");

  const auto old = make("old");
  compile(old / "monitor.so", versioned("monitor", "1.0"));
  const auto sentence = sentence_of([&] { PluginRegistry({dir, old}).require("monitor@2", "here"); });
  EXPECT_SAYS(sentence,
              "monitor.so has 1.0; no use is " + (dir / "newer.so").string() + ": it needs the plugin ABI 9.");
}

TEST_F(RegistryTest, IsFastAmongManyOtherFiles) {
  const auto dir = make("plugins");
  for (int i = 0; i < 10000; ++i) write(dir / ("file" + std::to_string(i) + ".txt"), "");
  compile(dir / "only.so", good("only"));
  const auto start = std::chrono::steady_clock::now();
  const PluginRegistry registry({dir});
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  EXPECT_EQ(registry.plugins().size(), 1u);
  EXPECT_TRUE(registry.problems().empty());  // none of the others was opened
  EXPECT_LT(seconds.count(), 2);             // some 10 ms; the rest is for a busy machine
}

}  // namespace
