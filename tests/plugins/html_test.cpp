// SPDX-License-Identifier: Apache-2.0
//
// report.html: what the plugin puts into it, when it writes, and how it goes on after a resume.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <trainer/sdk/file.hpp>

#include "plugins/html/page_file.hpp"
#include "report/page.hpp"
#include "support/fake_host.hpp"
#include "support/scratch_directory.hpp"
#include "trainer/json.hpp"

namespace trainer::html {
namespace {

using test::Cell;
using test::contents;
using test::FakeHost;
using test::FakePlugin;
using test::ScratchDirectory;
using testing::ElementsAre;
using testing::HasSubstr;

const std::string plugin_directory = TRAINER_BUILD_DIR "/plugins";

class Html : public testing::Test {
 protected:
  Html() {
    host.arguments["output_dir"] = Cell(directory.path().string());
    host.arguments_json = R"({"learning_rate": 0.001, "run_name": "<b>mine</b>"})";
    host.config["interval"] = Cell(3600.0);
    host.state.max_steps = 10;
  }

  json::object data_of(const std::string& file = "report.html") const {
    const std::string page = contents(directory / file);
    return json::parse(report::page_data(page), file).as_object();
  }
  json::object run(const std::string& file = "report.html") const {
    return data_of(file).at("runs").as_array().at(0).as_object();
  }
  static json::object curve(const json::object& run, std::string_view name) {
    for (const auto& one : run.at("curves").as_array())
      if (one.as_object().at("name").as_string() == name) return one.as_object();
    return {};
  }
  static std::string values(const json::object& run, std::string_view name) {
    const auto found = curve(run, name);
    return found.empty() ? "none" : json::dump(found.at("steps")) + " " + json::dump(found.at("values"));
  }
  static std::vector<std::string> texts(const json::object& run, std::string_view key) {
    std::vector<std::string> out;
    for (const auto& note : run.at(key).as_array()) out.emplace_back(note.as_object().at("text").as_string());
    return out;
  }

  ScratchDirectory directory;
  FakeHost host;
};

TEST_F(Html, DrawsARecordedHistory) {
  const auto history = test::read_history(TRAINER_SOURCE_DIR "/tests/plugins/data/tensorboard/log_history.json");
  FakePlugin plugin(host, "html", plugin_directory);
  ASSERT_EQ(test::play(host, plugin, history), TRAINER_OK) << host.error;
  for (const auto& entry : history)
    for (const auto& [key, cell] : entry) {
      if (key == "step" || key == "epoch") continue;
      const auto points = curve(run(), key).at("values").as_array();
      EXPECT_TRUE(std::any_of(points.begin(), points.end(), [&](const auto& v) {
        return v.template to_number<double>() == cell.number;
      })) << key;
    }
  EXPECT_EQ(run().at("status").as_string(), "finished");
  EXPECT_EQ(data_of().at("renewed_every").to_number<double>(), 0);
  EXPECT_EQ(host.misuse, "");
}

TEST_F(Html, WhatTheRunIsCalledAndHoldsIsNeverMarkup) {
  host.model_config_json = "{\"a\": \"</script><script>alert(1)</script>\"}\n";
  host.tensors[TRAINER_OF_MODEL] = {{"<i>0.weight", {2, 3}, {0, 0, 0, 0, 0, 0}}, {"0.running_mean", {2}, {0, 0}}};
  FakePlugin plugin(host, "html", plugin_directory);
  test::play(host, plugin, {{{"step", Cell(1)}, {"<img src=x>", Cell(1.0)}, {"note", Cell("<!--\xE2\x80\xA8&")}}});
  const std::string page = contents(directory / "report.html"), data(report::page_data(page));
  EXPECT_EQ(data.find_first_of("<>&"), data.npos);
  EXPECT_EQ(data.find("\xE2\x80\xA8"), data.npos);
  EXPECT_EQ(run().at("name").as_string(), "<b>mine</b>");
  EXPECT_EQ(values(run(), "<img src=x>"), "[1] [1]");
  EXPECT_EQ(json::dump(run().at("texts"), {.compact = true}), R"([["note","<!--\u2028&"]])");
  EXPECT_EQ(run().at("parameter_elements").to_number<int>(), 6);
  EXPECT_EQ(run().at("parameters").as_array()[0].as_object().at("name").as_string(), "<i>0.weight");
}

TEST_F(Html, NumbersThatAreNone) {
  FakePlugin plugin(host, "html", plugin_directory);
  test::play(host, plugin, {{{"step", Cell(1)}, {"loss", Cell(std::nan(""))}, {"x", Cell(INFINITY)}, {"y", Cell()}}});
  EXPECT_EQ(values(run(), "loss"), R"([1] ["NaN"])");
  EXPECT_EQ(values(run(), "x"), R"([1] ["Infinity"])");
  EXPECT_EQ(values(run(), "y"), "none");
}

TEST_F(Html, IsWrittenWhenItIsDueAndAtTheEnd) {
  FakePlugin plugin(host, "html", plugin_directory);
  plugin.fire(TRAINER_ON_TRAIN_BEGIN);
  for (host.state.global_step = 1; host.state.global_step <= 5; ++host.state.global_step)
    plugin.fire(TRAINER_ON_LOG, {{"loss", Cell(1.0)}});
  plugin.fire(TRAINER_ON_TRAIN_END);
  EXPECT_EQ(values(run(), "loss"), "[1, 2, 3, 4, 5] [1, 1, 1, 1, 1]");
  EXPECT_EQ(run().at("time").as_object().at("steps").as_array().size(), 5u);
  for (const auto& entry : std::filesystem::directory_iterator(directory.path()))
    EXPECT_EQ(entry.path().filename(), "report.html");
}

TEST_F(Html, APageOfARunningTrainingLooksForNews) {
  report::Run running;
  running.status = report::Run::Status::running;
  PageFile(directory / "report.html").write_behind(running, 2.5);
  EXPECT_EQ(data_of().at("renewed_every").to_number<double>(), 2.5);
  EXPECT_EQ(run().at("status").as_string(), "running");
}

TEST_F(Html, WhatCouldNotBeWrittenBehindIsToldNext) {
  PageFile file(directory / "none/report.html");
  file.write_behind({}, 1);
  EXPECT_THROW(file.write_behind({}, 1), sdk::FileError);
}

TEST_F(Html, ATrainingThatBreaksOffIsNoLongerRunning) {
  host.config["interval"] = Cell(0.0);
  {
    FakePlugin plugin(host, "html", plugin_directory);
    plugin.fire(TRAINER_ON_TRAIN_BEGIN);
    plugin.fire(TRAINER_ON_SAVE);
    EXPECT_EQ(host.misuse, "");
  }
  EXPECT_EQ(run().at("status").as_string(), "unknown");
  EXPECT_EQ(data_of().at("renewed_every").to_number<double>(), 0);
  EXPECT_THAT(texts(run(), "events"), ElementsAre("the training ended early"));
}

TEST_F(Html, ASecondTrainingKeepsThePageBefore) {
  FakePlugin plugin(host, "html", plugin_directory);
  test::play(host, plugin, {{{"step", Cell(2)}, {"loss", Cell(2.0)}}});
  host.state.global_step = 0;
  test::play(host, plugin, {{{"step", Cell(2)}, {"loss", Cell(1.0)}}});
  EXPECT_EQ(values(run("report-1.html"), "loss"), "[2] [2]");
  EXPECT_EQ(values(run(), "loss"), "[2] [1]");
  EXPECT_THAT(host.lines.at(0).second, HasSubstr("report.html of an earlier run is kept as"));
}

TEST_F(Html, AResumedTrainingGoesOn) {
  double before = 0;
  {
    FakePlugin plugin(host, "html", plugin_directory);
    plugin.print(TRAINER_STDERR, "warning: it is late");
    test::play(host, plugin, {{{"step", Cell(2)}, {"loss", Cell(2.0)}}, {{"step", Cell(4)}, {"loss", Cell(3.0)}}});
    before = run().at("time").as_object().at("values").as_array().at(0).to_number<double>();
    EXPECT_THAT(texts(run(), "warnings"), ElementsAre("it is late"));
  }
  host.state.global_step = 2;
  host.log_history = {{{"loss", Cell(2.0)}, {"epoch", Cell(0.5)}, {"step", Cell(2)}},
                      {{"loss", Cell(9.0)}, {"epoch", Cell(1.0)}, {"step", Cell(4)}}};
  FakePlugin plugin(host, "html", plugin_directory);
  test::play(host, plugin, {{{"step", Cell(4)}, {"loss", Cell(1.0)}}});
  EXPECT_EQ(values(run(), "loss"), "[2, 4] [2, 1]");
  EXPECT_THAT(texts(run(), "events"), ElementsAre("resumed"));
  EXPECT_THAT(texts(run(), "warnings"), ElementsAre("it is late"));
  const auto times = run().at("time").as_object().at("values").as_array();
  ASSERT_EQ(times.size(), 2u);
  EXPECT_EQ(times[0].to_number<double>(), before);
  EXPECT_GE(times[1].to_number<double>(), before);
}

TEST_F(Html, AnEvaluationOutsideOfATrainingAddsToThePage) {
  {
    FakePlugin plugin(host, "html", plugin_directory);
    test::play(host, plugin, {{{"step", Cell(2)}, {"loss", Cell(2.0)}}});
  }
  std::string page = contents(directory / "report.html");
  report::Run costs;
  costs.callbacks = {{"csv", 0.5, 3, 0}};
  ASSERT_TRUE(report::set_costs(page, costs));
  test::write(directory / "report.html", page);
  FakePlugin plugin(host, "html", plugin_directory);
  plugin.fire(TRAINER_ON_LOG, {{"eval_loss", Cell(1.0)}});
  EXPECT_EQ(report::page_costs(contents(directory / "report.html")), report::page_costs(page));
  EXPECT_EQ(values(run(), "loss"), "[2] [2]");
  EXPECT_EQ(values(run(), "eval_loss"), "[2] [1]");
  EXPECT_EQ(run().at("status").as_string(), "finished");
}

TEST_F(Html, ARequestToStopIsTold) {
  FakePlugin plugin(host, "html", plugin_directory);
  plugin.fire(TRAINER_ON_TRAIN_BEGIN);
  host.state.global_step = 5;
  host.control.should_training_stop = 1;
  plugin.fire(TRAINER_ON_EPOCH_END);
  plugin.fire(TRAINER_ON_TRAIN_END);
  EXPECT_THAT(texts(run(), "events"), ElementsAre("stopped before the last step"));
  // By whom, the outcome says, which is of this training alone.
  const std::string name = "a on rank 1";
  trainer_outcome stopped{}, interrupted{};
  stopped.kind = TRAINER_OUTCOME_STOPPED, stopped.by = {name.data(), name.size()};
  interrupted.kind = TRAINER_OUTCOME_INTERRUPTED, interrupted.signal = 15;
  for (const auto& [outcome, event] :
       {std::pair(stopped, "a on rank 1 stopped the training"), std::pair(interrupted, "stopped by signal 15"),
        std::pair(trainer_outcome{}, "stopped before the last step")}) {
    host.control.should_training_stop = 0;
    host.state.global_step = 0;
    plugin.fire(TRAINER_ON_TRAIN_BEGIN);
    host.state.global_step = 5;
    host.control.should_training_stop = 1;
    plugin.fire(TRAINER_ON_TRAIN_END);
    EXPECT_EQ(plugin.end(outcome), TRAINER_OK) << host.error;
    EXPECT_THAT(texts(run(), "events"), ElementsAre(event));
  }
}

TEST_F(Html, AFailureIsToldAtOnceAndByItsSentence) {
  FakePlugin plugin(host, "html", plugin_directory);
  plugin.fire(TRAINER_ON_TRAIN_BEGIN);
  ASSERT_EQ(plugin.results().size(), 1u);
  EXPECT_EQ(plugin.results()[0].place, (directory / "report.html").string());
  const std::string sentence = "the disk is full";
  trainer_outcome failed{};
  failed.kind = TRAINER_OUTCOME_FAILED, failed.error = {sentence.data(), sentence.size()};
  EXPECT_EQ(plugin.end(failed), TRAINER_OK) << host.error;
  EXPECT_THAT(texts(run(), "events"), ElementsAre("failed: the disk is full"));
  EXPECT_EQ(run().at("status").as_string(), "unknown");
}

TEST_F(Html, OnlyTheFirstProcessWrites) {
  host.state.is_world_process_zero = 0;
  FakePlugin plugin(host, "html", plugin_directory);
  EXPECT_EQ(test::play(host, plugin, {{{"step", Cell(1)}, {"loss", Cell(1.0)}}}), TRAINER_OK);
  EXPECT_TRUE(std::filesystem::is_empty(directory.path()));
}

TEST_F(Html, APlaceThatCannotBeWrittenIsAnError) {
  test::write(directory / "file", "x");
  host.config["path"] = Cell((directory / "file/report.html").string());
  FakePlugin plugin(host, "html", plugin_directory);
  EXPECT_EQ(plugin.fire(TRAINER_ON_TRAIN_BEGIN), TRAINER_ERROR);
  EXPECT_THAT(host.error, HasSubstr("could not be made a directory"));
}

}  // namespace
}  // namespace trainer::html
