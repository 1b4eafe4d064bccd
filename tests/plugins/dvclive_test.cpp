// SPDX-License-Identifier: Apache-2.0
//
// The texts of DVCLive's files; tests/trackers/dvclive_test.py compares whole runs with DVCLive's own.
#include "plugins/dvclive/dvc_yaml.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <limits>
#include <optional>
#include <sstream>

#include "plugins/dvclive/live.hpp"
#include "plugins/dvclive/params.hpp"
#include "plugins/dvclive/yaml.hpp"
#include "plugins/shared/system/process.hpp"
#include "support/fake_host.hpp"
#include "support/file_size_limit.hpp"
#include "support/scratch_directory.hpp"

namespace trainer::dvclive {
namespace {

using plugins::Finished;
using plugins::run_program;

std::string yaml(const char* json) { return to_yaml(plugins::parse_json(json)); }

// Each right side was written by ruamel.yaml 0.18 as DVCLive configures it.
TEST(Yaml, QuotesAsRuamelDoes) {
  EXPECT_EQ(yaml(R"({"a": "", "b": "no", "c": "true", "d": "1e5", "e": "it's", "f": "x: y"})"),
            "a: ''\nb: no\nc: 'true'\nd: '1e5'\ne: it's\nf: 'x: y'\n");
  EXPECT_EQ(yaml(R"({"n": "l1\nl2", "null": "~", "t": "\t", "u": "\u00e9\u2028"})"),
            "n: \"l1\\nl2\"\n'null': '~'\nt: \"\\t\"\nu: \"é\\L\"\n");
}

TEST(Yaml, NestsAsRuamelDoes) {
  EXPECT_EQ(yaml(R"({"b": [null, "", 1, [], {}, [1, [2, {"x": 1, "y": null}]], {"q": 1, "r": [1]}]})"),
            "b:\n- \n- ''\n- 1\n- []\n- {}\n- - 1\n  - - 2\n    - x: 1\n      y:\n- q: 1\n  r:\n  - 1\n");
  EXPECT_EQ(yaml(R"({"z": {"d": {"e": []}}, "i": Infinity, "n": NaN, "f": 1e-08, "l": null})"),
            "z:\n  d:\n    e: []\ni: .inf\nn: .nan\nf: 1e-08\nl:\n");
  EXPECT_EQ(yaml("{}"), "{}\n");
}

TEST(Yaml, FoldsLongTexts) {
  const std::string long_word(100, 'w');
  EXPECT_EQ(yaml(("{\"long\": \"" + long_word + "\"}").c_str()), "long: \n  " + long_word + "\n");
  std::string words = "aa";
  for (int i = 1; i < 30; ++i) words += " aa";
  const std::size_t folded = 74;  // the word that passes column 80 goes to the next line
  EXPECT_EQ(yaml(("{\"x y\": \"" + words + "\"}").c_str()),
            "x y: " + words.substr(0, folded + 1) + "\n  " + words.substr(folded + 1) + "\n");
}

TEST(Params, KeepsKeysOfAnEarlierRun) {
  const auto params = plugins::parse_json(R"({"a": 2, "c": [1]})");
  EXPECT_EQ(merge_params("a: 1\nmine:\n  x: 1\nc:\n- 5\n", params), "a: 2\nmine:\n  x: 1\nc:\n- 1\n");
  EXPECT_EQ(merge_params("", params), "a: 2\nc:\n- 1\n");
}

const DvcEntries entries{"dvclive/params.yaml", "dvclive/metrics.json", "dvclive/plots/metrics", {}, "dvclive/"};
constexpr const char* fresh =
    "params:\n- dvclive/params.yaml\nmetrics:\n- dvclive/metrics.json\nplots:\n"
    "- dvclive/plots/metrics:\n    x: step\n";

TEST(DvcYaml, WritesANewFileAndLeavesItThen) {
  EXPECT_EQ(merge_dvc_yaml("", entries), fresh);
  EXPECT_EQ(merge_dvc_yaml(fresh, entries), fresh);
  EXPECT_EQ(merge_dvc_yaml("params: []\n", entries), fresh);
}

TEST(DvcYaml, KeepsWhatOthersWrote) {
  EXPECT_EQ(merge_dvc_yaml("# top\nparams:\n  - a.yaml  # mine\n  - dvclive/params.yaml\n\nstages:\n  s:\n    cmd: x\n"
                           "plots:\n- dvclive/plots/old:\n    x: step\n- roc:\n    y: tpr\n",
                           entries),
            "# top\nparams:\n  - a.yaml  # mine\n  - dvclive/params.yaml\n\nstages:\n  s:\n    cmd: x\n"
            "plots:\n- roc:\n    y: tpr\n- dvclive/plots/metrics:\n    x: step\n"
            "metrics:\n- dvclive/metrics.json\n");
}

TEST(DvcYaml, ListsModels) {
  DvcEntries with = entries;
  with.models["last"] = "dvclive/artifacts/last";
  const std::string last = "  last:\n    path: dvclive/artifacts/last\n    type: model\n";
  const std::string listed = std::string(fresh) + "artifacts:\n" + last;
  EXPECT_EQ(merge_dvc_yaml("", with), listed);
  EXPECT_EQ(merge_dvc_yaml(listed, with), listed);
  EXPECT_EQ(merge_dvc_yaml(listed, entries), fresh);  // a later run without a model
  const std::string mine = "  mine:  # kept\n    path: m\n";
  EXPECT_EQ(merge_dvc_yaml("artifacts:\n  best:\n    path: dvclive/artifacts/best\n" + mine, with),
            "artifacts:\n" + mine + last + fresh);
  EXPECT_EQ(merge_dvc_yaml("artifacts: {}\n", with), "artifacts:\n" + last + fresh);
}

TEST(DvcYaml, RefusesWhatItCannotChangeSafely) {
  for (const char* text : {"artifacts: {a: {path: b}}\n", "artifacts:\n- a\n", "params: [a.yaml]\n", "{params: []}\n",
                           "a: 1\n---\nb: 2\n", "plots: &x\n- a\n"})
    EXPECT_EQ(merge_dvc_yaml(text, entries), std::nullopt) << text;
}

TEST(Names, FollowTheRewritingOfHuggingFace) {
  EXPECT_EQ(metric_name("eval_loss"), "eval/loss");
  EXPECT_EQ(metric_name("my_train_x_eval_y"), "my_train/x_eval/y");
  EXPECT_EQ(metric_name("test_loss"), "test_loss");
  EXPECT_EQ(safe_path("a//b"), "a/b");
  for (const char* name : {"", "..", "../a", "/a", "a/../../b", "a/"}) EXPECT_EQ(safe_path(name), std::nullopt) << name;
}

TEST(Live, WritesRowsAndSummaryAndResumes) {
  test::ScratchDirectory scratch;
  const std::filesystem::path dir = scratch.path() / "dvclive";
  const auto read = [&](const char* file) {
    std::ifstream in(dir / file);
    std::stringstream all;
    all << in.rdbuf();
    return all.str();
  };
  {
    Live live(dir, {}, [](const std::string&) {});
    live.start();
    live.log_metric("eval_x", 1e-5);
    live.log_metric("t", "a\tb");
    live.next_step();
    live.log_metric("eval_x", std::numeric_limits<double>::quiet_NaN());
    live.log_metric("flag", true);
    live.next_step();
  }
  EXPECT_EQ(read("plots/metrics/eval/x.tsv"), "step\tx\n0\t1e-05\n1\tnan\n");
  EXPECT_EQ(read("plots/metrics/t.tsv"), "step\tt\n0\t\"a\tb\"\n");
  EXPECT_EQ(read("metrics.json"),
            "{\n    \"eval\": {\n        \"x\": \"nan\"\n    },\n    \"t\": \"a\\tb\",\n    \"step\": 1,\n"
            "    \"flag\": true\n}\n");
  Live live(dir, {}, [](const std::string&) {});
  EXPECT_TRUE(live.continues(2, {{"eval/x", "nan"}, {"flag", "True"}}));
  EXPECT_FALSE(live.continues(2, {{"eval/x", "2.0"}, {"flag", "True"}}));
  live.resume_at(1);
  EXPECT_EQ(live.step(), 1);
  live.next_step();
  EXPECT_EQ(read("plots/metrics/eval/x.tsv"), "step\tx\n0\t1e-05\n");
  EXPECT_FALSE(std::filesystem::exists(dir / "plots/metrics/flag.tsv"));
  EXPECT_EQ(read("metrics.json"),
            "{\n    \"eval\": {\n        \"x\": 1e-05\n    },\n    \"t\": \"a\\tb\",\n    \"step\": 1\n}\n");
}

TEST(Live, LeavesOutAMetricWhoseNameNoFileCanHave) {
  test::ScratchDirectory scratch;
  const std::filesystem::path dir = scratch.path() / "dvclive";
  Live live(dir, {}, [](const std::string&) {});
  live.start();
  const std::string name(300, 'n');
  for (int step = 0; step < 2; ++step) {
    EXPECT_EQ(live.log_metric("x", 0.5), "");
    EXPECT_NE(live.log_metric(name, 1.0), "");
    EXPECT_NE(live.log_metric(name + "/y", 1.0), "");
    EXPECT_NE(live.log_metric("x.tsv/y", 1.0), "");  // a file is where its directory would be
    EXPECT_NE(live.log_metric("../x", 1.0), "");
    live.next_step();
  }
  EXPECT_EQ(test::contents(dir / "plots/metrics/x.tsv"), "step\tx\n0\t0.5\n1\t0.5\n");
  EXPECT_EQ(test::contents(dir / "metrics.json"), "{\n    \"x\": 0.5,\n    \"step\": 1\n}\n");
}

TEST(Live, LeavesWholeFilesOnAFullDisk) {
  test::ScratchDirectory scratch;
  const std::filesystem::path dir = scratch.path() / "dvclive";
  Live live(dir, {}, [](const std::string&) {});
  live.start();
  live.log_metric("x", 0.5);
  live.next_step();
  const std::string summary = test::contents(dir / "metrics.json");
  {
    const test::FileSizeLimit full(12);
    EXPECT_THROW(live.log_metric("x", 0.25), sdk::FileError);
    EXPECT_THROW(live.next_step(), sdk::FileError);
  }
  EXPECT_EQ(test::contents(dir / "plots/metrics/x.tsv"), "step\tx\n0\t0.5\n");
  EXPECT_EQ(test::contents(dir / "metrics.json"), summary);
  EXPECT_FALSE(std::filesystem::exists(dir / "metrics.json.tmp"));
}

class Plugin : public testing::Test {
 protected:
  Plugin() {
    host.config["dir"] = test::Cell((scratch.path() / "dvclive").string());
    host.config["save_dvc_exp"] = test::Cell(false);
  }
  /// Goes into the history and, as a log, to the plugin, where there is one.
  void log(test::FakePlugin* plugin, double loss) {
    const test::Row logs{{"loss", test::Cell(loss)}};
    host.log_history.push_back(logs);
    host.log_history.back().emplace_back("step", test::Cell(++host.state.global_step));
    if (!plugin) return;
    EXPECT_EQ(plugin->fire(TRAINER_ON_LOG, logs), TRAINER_OK) << host.error;
  }
  void begin(test::FakePlugin& plugin) { EXPECT_EQ(plugin.fire(TRAINER_ON_TRAIN_BEGIN), TRAINER_OK) << host.error; }
  std::filesystem::path file(const char* name) const { return scratch.path() / "dvclive/plots/metrics" / name; }
  std::string rows() const { return test::contents(file("loss.tsv")); }

  test::ScratchDirectory scratch;
  test::FakeHost host;
  const std::string plugins = TRAINER_BUILD_DIR "/plugins";
};

TEST_F(Plugin, TakesOverInTheMiddleOfATraining) {
  {
    test::FakePlugin killed(host, "dvclive", plugins);
    begin(killed);
    for (const double loss : {4.0, 3.0, 2.5}) log(&killed, loss);
  }
  // Its last row of a log of two metrics was the first of them; the next two logs never reached it.
  host.log_history.back().emplace_back("other", test::Cell(1.0));
  for (const double loss : {2.0, 1.5}) log(nullptr, loss);
  test::FakePlugin again(host, "dvclive", plugins);
  begin(again);
  const std::string all = "step\tloss\n0\t4.0\n1\t3.0\n2\t2.5\n3\t2.0\n4\t1.5\n";
  EXPECT_EQ(rows(), all);
  EXPECT_EQ(test::contents(file("other.tsv")), "step\tother\n2\t1.0\n");
  EXPECT_FALSE(std::filesystem::exists(file("step.tsv")));
  // That it took over may have been found out with the log that is in the history already.
  EXPECT_EQ(again.fire(TRAINER_ON_LOG, {{"loss", test::Cell(1.5)}}), TRAINER_OK) << host.error;
  EXPECT_EQ(rows(), all);
  log(&again, 1.25);
  EXPECT_EQ(rows(), all + "5\t1.25\n");
}

TEST_F(Plugin, TakesRowsOfAnotherRunOut) {
  {
    test::FakePlugin other(host, "dvclive", plugins);
    begin(other);
    for (const double loss : {9.0, 8.0, 7.0}) log(&other, loss);
  }
  host.log_history.clear();
  host.state.global_step = 0;
  for (const double loss : {4.0, 3.0}) log(nullptr, loss);
  test::FakePlugin resumed(host, "dvclive", plugins);
  begin(resumed);
  log(&resumed, 2.0);
  EXPECT_EQ(rows(), "step\tloss\n0\t2.0\n");
}

TEST(Programs, EndAtTheirLimit) {
  const Finished slow = run_program({"sh", "-c", "echo begun; sleep 30"}, std::chrono::milliseconds(200));
  EXPECT_TRUE(slow.timed_out);
  EXPECT_EQ(slow.output, "begun\n");
  EXPECT_EQ(run_program({"sh", "-c", "exit 3"}, std::chrono::seconds(10)).status, 3);
  EXPECT_FALSE(run_program({"no-such-program-here"}, std::chrono::seconds(10)).found);
}

}  // namespace
}  // namespace trainer::dvclive
