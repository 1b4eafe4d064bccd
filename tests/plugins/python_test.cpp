// SPDX-License-Identifier: Apache-2.0
//
// The plugin `python` with a real Python, without transformers: the class needs none.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "support/fake_host.hpp"
#include "support/scratch_directory.hpp"

namespace trainer::test {
namespace {

constexpr const char* classes = R"py(
class Steer:
    def __init__(self, limit=2):
        self.limit, self.seen = limit, []
    def on_step_end(self, args, state, control, **kwargs):
        self.seen.append(state.global_step)
        control.should_training_stop = len(self.seen) >= self.limit
    def on_log(self, args, state, control, logs=None, **kwargs):
        raise ValueError("no " + ", ".join(logs))
    def on_train_end(self, args, state, control, **kwargs):
        with open(args.output_dir + "/seen", "w") as out:
            out.write(str(self.seen))

class History:
    def __init__(self, limit=0):
        self.seen = []
    def on_step_end(self, args, state, control, **kwargs):
        self.seen.append([entry["step"] for entry in state.log_history])
    def on_train_end(self, args, state, control, **kwargs):
        with open(args.output_dir + "/seen", "w") as out:
            out.write(str(self.seen))

class Variables:
    def __init__(self, limit=0):
        import os
        self.seen = [os.environ.get("SETUP_" + name) for name in "ABC"]
    def on_train_end(self, args, state, control, **kwargs):
        with open(args.output_dir + "/seen", "w") as out:
            out.write(str(self.seen))

class Files:
    def __init__(self, limit=0):
        self.seen = []
    def on_save(self, args, state, control, **kwargs):
        with open(args.output_dir + "/checkpoint") as checkpoint:
            self.seen.append(checkpoint.read())
    def on_train_end(self, args, state, control, **kwargs):
        with open(args.output_dir + "/seen", "w") as out:
            out.write(str(self.seen))
)py";

class PythonPlugin : public testing::Test {
 protected:
  void SetUp() override {
    if (std::system("python3 -c pass > /dev/null 2>&1") != 0) GTEST_SKIP() << "no python3";
    std::ofstream(scratch.path() / "classes_of_test.py") << classes;
    host.arguments_json = R"({"output_dir": ")" + scratch.path().string() + R"(", "seed": 42})";
    host.config["callback"] = Cell("classes_of_test.Steer");
    host.config["kwargs"] = json_cell(R"({"limit": 3})");
    host.config["path"] = json_cell(R"([")" + scratch.path().string() + R"("])");
    host.config["python"] = Cell("python3");
    host.config["mode"] = Cell("auto");
    host.config["wait"] = Cell();
    host.config["timeout"] = Cell(60.0);
    host.config["shutdown_timeout"] = Cell(60.0);
  }
  void run(FakePlugin& plugin) {
    EXPECT_EQ(plugin.fire(TRAINER_ON_TRAIN_BEGIN), TRAINER_OK);
    for (host.state.global_step = 1; host.state.global_step <= 3; ++host.state.global_step) {
      EXPECT_EQ(host.control.should_training_stop, 0u);
      EXPECT_EQ(plugin.fire(TRAINER_ON_STEP_END), TRAINER_OK) << host.error;
    }
    EXPECT_EQ(plugin.fire(TRAINER_ON_TRAIN_END), TRAINER_OK);
  }
  std::string seen() const {
    std::string text;
    std::ifstream in(scratch.path() / "seen");
    std::getline(in, text);
    return text;
  }
  FakeHost host;
  ScratchDirectory scratch;
  const std::string directory = TRAINER_BUILD_DIR "/plugins";
};

TEST_F(PythonPlugin, WaitsForFlagsAndGivesExceptionsOn) {
  FakePlugin plugin(host, "python", directory);
  run(plugin);
  EXPECT_EQ(host.control.should_training_stop, 1u);
  EXPECT_EQ(plugin.fire(TRAINER_ON_LOG, {{"loss", Cell(0.5)}}), TRAINER_ERROR);
  EXPECT_EQ(host.error.substr(0, 25), "Steer: ValueError: no los") << host.error;
  EXPECT_EQ(seen(), "[1, 2, 3]");
}

TEST_F(PythonPlugin, SeesTheHistoryAlsoWhereItIsLimited) {
  host.config["callback"] = Cell("classes_of_test.History");
  FakePlugin plugin(host, "python", directory);
  EXPECT_EQ(plugin.fire(TRAINER_ON_TRAIN_BEGIN), TRAINER_OK);
  for (const std::vector<std::int64_t>& steps :
       {std::vector<std::int64_t>{}, {1}, {1, 2}, {2, 3}, {2, 3}, {5, 6}, {8, 9}}) {
    host.log_history.clear();
    for (const std::int64_t step : steps) host.log_history.push_back({{"step", Cell(step)}});
    EXPECT_EQ(plugin.fire(TRAINER_ON_STEP_END), TRAINER_OK) << host.error;
  }
  EXPECT_EQ(plugin.fire(TRAINER_ON_TRAIN_END), TRAINER_OK);
  EXPECT_EQ(seen(), "[[], [1], [1, 2], [2, 3], [2, 3], [5, 6], [8, 9]]");
}

TEST_F(PythonPlugin, HasVariablesOfItsOwn) {
  for (const char* name : {"SETUP_A", "SETUP_B", "SETUP_C"}) ::setenv(name, "ours", 1);
  host.config["callback"] = Cell("classes_of_test.Variables");
  host.config["environment"] = json_cell(R"({"SETUP_A": "its", "SETUP_B": ""})");
  FakePlugin plugin(host, "python", directory);
  EXPECT_EQ(plugin.fire(TRAINER_ON_TRAIN_END), TRAINER_OK) << host.error;
  EXPECT_EQ(seen(), "['its', None, 'ours']");
  for (const char* name : {"SETUP_A", "SETUP_B", "SETUP_C"}) ::unsetenv(name);
  for (const auto& [text, sentence] :
       {std::pair(R"({"A": 12345})", "config.environment gives \"A\" a value that is not text; put"),
        std::pair(R"({"A=B": "x"})", "config.environment has \"A=B\", which is not")}) {
    host.config["environment"] = json_cell(text);
    try {
      FakePlugin refused(host, "python", directory);
      ADD_FAILURE() << text;
    } catch (const std::runtime_error& e) {
      EXPECT_EQ(std::string(e.what()).rfind(sentence, 0), 0u) << e.what();
    }
  }
}

TEST_F(PythonPlugin, RunsBehindATrainingThatDoesNotWait) {
  host.config["wait"] = Cell(false);
  {
    FakePlugin plugin(host, "python", directory);
    run(plugin);
    EXPECT_EQ(plugin.fire(TRAINER_ON_LOG, {{"loss", Cell(0.5)}}), TRAINER_OK);
  }
  EXPECT_EQ(host.control.should_training_stop, 0u);
  EXPECT_EQ(seen(), "[1, 2, 3]") << "it did everything before its Python ended";
  ASSERT_FALSE(host.lines.empty());
  EXPECT_NE(host.lines.back().second.find("failed in on_log: ValueError: no loss"), std::string::npos);
}

TEST_F(PythonPlugin, HasSeenACheckpointWhenTheTrainerMayRemoveIt) {
  host.config["wait"] = Cell(false);
  host.config["callback"] = Cell("classes_of_test.Files");
  FakePlugin plugin(host, "python", directory);
  EXPECT_EQ(plugin.fire(TRAINER_ON_TRAIN_BEGIN), TRAINER_OK);
  for (const char* const text : {"a", "b", "c"}) {
    std::ofstream(scratch.path() / "checkpoint") << text;
    EXPECT_EQ(plugin.fire(TRAINER_ON_SAVE), TRAINER_OK) << host.error;
    std::filesystem::remove(scratch.path() / "checkpoint");
  }
  EXPECT_EQ(plugin.fire(TRAINER_ON_TRAIN_END), TRAINER_OK);
  EXPECT_EQ(seen(), "['a', 'b', 'c']");
}

TEST_F(PythonPlugin, ThatIsNotWaitedForFailsAtTheNextEvent) {
  host.config["wait"] = Cell(false);
  FakePlugin plugin(host, "python", directory);
  EXPECT_EQ(plugin.fire(TRAINER_ON_TRAIN_BEGIN), TRAINER_OK);
  EXPECT_EQ(plugin.fire(TRAINER_ON_LOG, {{"loss", Cell(0.5)}}), TRAINER_OK);
  EXPECT_EQ(plugin.fire(TRAINER_ON_TRAIN_END), TRAINER_ERROR) << "waited for, so that it is known by then";
  EXPECT_EQ(host.error.substr(0, 61), "classes_of_test.Steer failed in on_log: ValueError: no loss (") << host.error;
  EXPECT_EQ(plugin.fire(TRAINER_ON_LOG, {{"loss", Cell(0.5)}}), TRAINER_OK) << "it gets no more events";
  EXPECT_EQ(seen(), "");
}

TEST_F(PythonPlugin, SaysWhatIsWrongWithTheClass) {
  host.config["callback"] = Cell("classes_of_test.Nothing");
  try {
    FakePlugin plugin(host, "python", directory);
    ADD_FAILURE() << "there is no such class";
  } catch (const std::runtime_error& e) {
    EXPECT_NE(std::string(e.what()).find("has no attribute 'Nothing'"), std::string::npos) << e.what();
  }
}

}  // namespace
}  // namespace trainer::test
