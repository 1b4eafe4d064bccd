// SPDX-License-Identifier: Apache-2.0
//
// metrics.csv: quoting, growing columns, resuming; and the plugin that decides when to do which.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "plugins/csv/metrics_file.hpp"
#include "plugins/csv/row_reader.hpp"
#include "plugins/shared/csv_text/csv_text.hpp"
#include "support/count_allocations.hpp"
#include "support/fake_host.hpp"
#include "support/file_size_limit.hpp"
#include "support/scratch_directory.hpp"

namespace trainer::csv {
namespace {

using plugins::csv_text::append_text_cell;
using plugins::csv_text::split_row;
using sdk::Value;
using test::Cell;
using test::contents;
using test::FakeHost;
using test::FakePlugin;
using test::ScratchDirectory;
using testing::HasSubstr;

const std::string plugin_directory = TRAINER_BUILD_DIR "/plugins";
constexpr std::int64_t every_row = std::numeric_limits<std::int64_t>::max();

using Cells = std::vector<std::pair<std::string, Value>>;

void add(MetricsFile& file, std::int64_t step, const Cells& cells) {
  file.begin_row(step);
  for (const auto& [name, value] : cells) file.cell(name, value);
  file.end_row();
}

TEST(Rows, CellsAreQuotedWhereTheyMust) {
  const auto cell = [](std::string_view text) {
    std::string out;
    append_text_cell(out, text);
    return out;
  };
  EXPECT_EQ(cell("plain text"), "plain text");
  EXPECT_EQ(cell("a,b"), "\"a,b\"");
  EXPECT_EQ(cell("say \"hi\""), "\"say \"\"hi\"\"\"");
  EXPECT_EQ(cell("two\nlines"), "\"two\nlines\"");
  EXPECT_EQ(cell(""), "\"\"");
  EXPECT_EQ(split_row("step,\"a,b\",\"say \"\"hi\"\"\",,x"),
            (std::vector<std::string>{"step", "a,b", "say \"hi\"", "", "x"}));
}

class Metrics : public testing::Test {
 protected:
  void put(const std::string& text) const { test::write(path, text); }
  std::string text() const { return contents(path); }

  ScratchDirectory directory;
  std::filesystem::path path = directory / "metrics.csv";
  MetricsFile file{path};
};

TEST_F(Metrics, ARowPerLog) {
  EXPECT_TRUE(file.start().created);
  EXPECT_EQ(text(), "step,epoch\n");
  add(file, 2, {{"epoch", 0.5}});
  EXPECT_EQ(text(), "step,epoch\n2,0.5\n");
}

TEST_F(Metrics, ColumnsGrowAndLoseNothing) {
  file.start();
  add(file, 2, {{"loss", 2.5}, {"note", "a,\"b\"\nc"}, {"epoch", 0.5}});
  add(file, 4, {{"eval_loss", 1.25}, {"epoch", 1.0}});
  add(file, 4, {{"loss", std::nan("")}, {"flag", true}, {"n", 7}, {"epoch", 1.0}});
  EXPECT_EQ(text(),
            "step,epoch,loss,note,eval_loss,flag,n\n"
            "2,0.5,2.5,\"a,\"\"b\"\"\nc\",,,\n"
            "4,1.0,,,1.25,,\n"
            "4,1.0,nan,,,True,7\n");
  EXPECT_FALSE(std::filesystem::exists(directory / "metrics.csv.tmp"));
}

TEST_F(Metrics, AMetricNamedStepDoesNotReplaceTheStep) {
  file.start();
  add(file, 2, {{"step", 99}, {"epoch", nullptr}, {"x", 1}});
  EXPECT_EQ(text(), "step,epoch,x\n2,,1\n");
}

TEST_F(Metrics, AFreshRunKeepsEarlierOnes) {
  for (int run = 0; run < 3; ++run) {
    MetricsFile each(path);
    const auto kept = each.start().kept;
    EXPECT_EQ(kept, run == 0 ? "" : path.string() + "." + std::to_string(run));
    add(each, run, {});
  }
  EXPECT_EQ(contents(directory / "metrics.csv.1"), "step,epoch\n0,\n");
  EXPECT_EQ(contents(directory / "metrics.csv.2"), "step,epoch\n1,\n");
  EXPECT_EQ(text(), "step,epoch\n2,\n");
}

TEST_F(Metrics, AnEmptyFileIsNoRun) {
  put("");
  EXPECT_EQ(file.start().kept, "");
  EXPECT_EQ(text(), "step,epoch\n");
  put("");
  EXPECT_TRUE(file.resume(4).created);
  EXPECT_EQ(text(), "step,epoch\n");
}

TEST_F(Metrics, ResumingDropsLaterSteps) {
  put("step,epoch,loss\n2,0.5,1.0\n4,1.0,2.0\n6,1.5,3.0\n8,2.0,4.0\n");
  const Opened opened = file.resume(4);
  EXPECT_EQ(opened.rows, 2u);
  EXPECT_EQ(opened.later_rows, 2u);
  EXPECT_FALSE(opened.torn);
  EXPECT_FALSE(opened.created);
  add(file, 6, {{"loss", 3.5}, {"eval_loss", 1}});
  EXPECT_EQ(text(), "step,epoch,loss,eval_loss\n2,0.5,1.0,\n4,1.0,2.0,\n6,,3.5,1\n");
}

TEST_F(Metrics, ResumingDropsLaterStepsWhereverTheyStand) {
  put("step,epoch\n2,\n8,\n0,\n4,\n8,\n");  // an evaluation alone, at step 0, came after step 8
  EXPECT_EQ(file.resume(4).later_rows, 2u);
  add(file, 6, {});
  EXPECT_EQ(text(), "step,epoch\n2,\n0,\n4,\n6,\n");
}

TEST_F(Metrics, ResumingCutsATornRow) {
  for (const char* torn : {"6", "6,1.5,3", "6,1.5,\"a\n", "6,1.5,\"a\nb"}) {
    put("step,epoch,x\n2,0.5,\"q\nr\"\n4,1.0,\n" + std::string(torn));
    EXPECT_TRUE(file.resume(every_row).torn);
    add(file, 6, {{"epoch", 1.5}});
    EXPECT_EQ(text(), "step,epoch,x\n2,0.5,\"q\nr\"\n4,1.0,\n6,1.5,\n");
  }
}

TEST_F(Metrics, ResumingKnowsLineEndsOfOtherPrograms) {
  put("step,epoch,loss\r\n2,0.5,1.0\r\n4.0,1.0,2.0\r\n6,1.5,3.0\r\n");
  EXPECT_EQ(file.resume(4).later_rows, 1u);
  add(file, 6, {{"new", 1}});
  EXPECT_EQ(text(), "step,epoch,loss,new\n2,0.5,1.0,\n4.0,1.0,2.0,\n6,,,1\n");
}

TEST_F(Metrics, AnotherProgramsFileIsKept) {
  for (const char* other : {"a,b\n1,2\n", "step,a,a\n", "no line end"}) {
    put(other);
    const Opened opened = file.resume(4);
    EXPECT_TRUE(opened.created);
    EXPECT_EQ(contents(opened.kept), other);
    EXPECT_EQ(text(), "step,epoch\n");
  }
}

TEST_F(Metrics, ResumingWithoutAFileStartsOne) {
  EXPECT_TRUE(file.resume(4).created);
  add(file, 6, {});
  EXPECT_EQ(text(), "step,epoch\n6,\n");
}

TEST_F(Metrics, FullDiskLeavesWholeRows) {
  file.start();
  add(file, 1, {{"note", "first"}});
  const std::string before = text();
  const std::string longer(100, 'x');
  for (const char* column : {"note", "new"}) {  // an appended row, and a rewritten file
    const test::FileSizeLimit limit(before.size() + 50);
    try {
      add(file, 2, {{column, Value(std::string_view(longer))}});
      // The rewritten file may fit, and its row then not.
      ADD_FAILURE() << "the write must fail";
    } catch (const sdk::FileError& e) {
      EXPECT_THAT(e.what(), HasSubstr("could not be written"));
      EXPECT_THAT(e.what(), HasSubstr("free some space"));
    }
  }
  EXPECT_EQ(text(), "step,epoch,note,new\n1,,first,\n");
  add(file, 3, {{"new", "z"}});
  EXPECT_EQ(text(), "step,epoch,note,new\n1,,first,\n3,,,z\n");
}

TEST_F(Metrics, AFailedRewriteChangesNothing) {
  file.start();
  add(file, 1, {{"a", 1}});
  const std::string before = text();
  {
    const test::FileSizeLimit limit(before.size() + 10);
    Cells many;
    for (int i = 0; i < 20; ++i) many.emplace_back("b" + std::to_string(i), 1);
    EXPECT_THROW(add(file, 2, many), sdk::FileError);
  }
  EXPECT_EQ(text(), before);
  EXPECT_FALSE(std::filesystem::exists(directory / "metrics.csv.tmp"));
  add(file, 3, {{"a", 3}});  // the columns are still known, and come with the next row
  EXPECT_THAT(text(), HasSubstr("step,epoch,a,b0,b1,"));
  EXPECT_THAT(text(), HasSubstr("\n1,,1,,"));
  EXPECT_THAT(text(), HasSubstr("\n3,,3,,"));
}

TEST_F(Metrics, WhatIsNotAFileIsRefused) {
  std::filesystem::create_directory(path);
  EXPECT_THROW(file.start(), sdk::FileError);
  MetricsFile device("/dev/null");
  EXPECT_THROW(device.start(), sdk::FileError);
  EXPECT_THROW(device.resume(1), sdk::FileError);
}

TEST_F(Metrics, AFileThatIsRemovedIsNotBegunAnew) {
  file.start();
  for (const char* column : {"a", "b"}) {  // a row, and one with a new column
    std::filesystem::remove(path);
    file.begin_row(1);
    file.cell(column, Value(1.0));
    EXPECT_THROW(file.end_row(), sdk::FileError);
    EXPECT_FALSE(std::filesystem::exists(path));
  }
}

TEST_F(Metrics, ManyColumnsAtOnceAreOneRewrite) {
  constexpr int columns = 10000;
  std::vector<std::string> names;
  for (int i = 0; i < columns; ++i) names.push_back("metric_" + std::to_string(i));
  file.start();
  add(file, 1, {{"loss", 1.0}});
  for (int row = 2; row <= 20; ++row) {
    file.begin_row(row);
    for (const std::string& name : names) file.cell(name, row * 0.5);
    file.end_row();
  }
  RowReader reader(path);
  std::string row;
  int rows = 0;
  for (; reader.next(row); ++rows) ASSERT_EQ(split_row(row).size(), columns + 3u);
  EXPECT_EQ(rows, 21);
}

TEST_F(Metrics, ColumnsThatTrickleInStayWorkable) {
  file.start();
  for (int i = 0; i < 300; ++i) add(file, i, {{"m" + std::to_string(i), i}});
  MetricsFile again(path);
  EXPECT_EQ(again.resume(every_row).rows, 300u);
}

class Plugin : public testing::Test {
 protected:
  Plugin() { host.arguments["output_dir"] = Cell(directory.path().string()); }
  std::string text() const { return contents(directory / "metrics.csv"); }

  ScratchDirectory directory;
  FakeHost host;
};

TEST_F(Plugin, WritesARecordedHistory) {
  const auto history = test::read_history(TRAINER_SOURCE_DIR "/tests/plugins/data/tensorboard/log_history.json");
  FakePlugin plugin(host, "csv", plugin_directory);
  ASSERT_EQ(test::play(host, plugin, history), TRAINER_OK) << host.error;
  RowReader reader(directory / "metrics.csv");
  std::string line;
  reader.next(line);
  EXPECT_EQ(line,
            "step,epoch,loss,grad_norm,learning_rate,eval_loss,eval_mae,eval_runtime,"
            "eval_samples_per_second,eval_steps_per_second,train_runtime,"
            "train_samples_per_second,train_steps_per_second,total_flos,train_loss");
  reader.next(line);
  EXPECT_EQ(line, "2,0.5,2.6500730514526367,2.450369358062744,0.08750000000000001,,,,,,,,,,");
  for (int i = 1; i < 7; ++i) ASSERT_TRUE(reader.next(line));
  EXPECT_EQ(line, "8,2.0,,,,,,,,,0.032,1000.841,250.21,0.0,2.6975172460079193");
  EXPECT_FALSE(reader.next(line));
}

TEST_F(Plugin, EvaluationsOutsideOfTrainingAreRows) {
  {
    FakePlugin plugin(host, "csv", plugin_directory);
    plugin.fire(TRAINER_ON_LOG, {{"eval_loss", Cell(3.0)}});
    plugin.fire(TRAINER_ON_TRAIN_BEGIN);
    host.state.global_step = 2;
    plugin.fire(TRAINER_ON_LOG, {{"loss", Cell(2.0)}});
    plugin.fire(TRAINER_ON_TRAIN_END);
    plugin.fire(TRAINER_ON_LOG, {{"eval_loss", Cell(1.0)}});
  }
  host.state.global_step = 0;
  FakePlugin later(host, "csv", plugin_directory);  // "trainer evaluate" in a program of its own
  later.fire(TRAINER_ON_LOG, {{"eval_loss", Cell(1.0)}});
  EXPECT_EQ(text(), "step,epoch,eval_loss,loss\n0,,3.0,\n2,,,2.0\n2,,1.0,\n0,,1.0,\n");
}

TEST_F(Plugin, ASecondTrainingStartsANewFile) {
  FakePlugin plugin(host, "csv", plugin_directory);
  test::play(host, plugin, {{{"step", Cell(2)}, {"loss", Cell(2.0)}}});
  host.state.global_step = 0;
  test::play(host, plugin, {{{"step", Cell(2)}, {"loss", Cell(1.0)}}});
  EXPECT_EQ(contents(directory / "metrics.csv.1"), "step,epoch,loss\n2,,2.0\n");
  EXPECT_EQ(text(), "step,epoch,loss\n2,,1.0\n");
  ASSERT_EQ(host.lines.size(), 1u);
  EXPECT_THAT(host.lines[0].second, HasSubstr("metrics.csv of an earlier run is kept as"));
}

TEST_F(Plugin, AFileOfAnotherKindThatTheRunNamesStays) {
  const auto data = directory / "train.csv";
  std::ofstream(data) << "a,b,label\n1,2,0\n";
  host.config["path"] = Cell(data.string());
  FakePlugin plugin(host, "csv", plugin_directory);
  EXPECT_EQ(plugin.fire(TRAINER_ON_TRAIN_BEGIN), TRAINER_ERROR);
  EXPECT_THAT(host.error, HasSubstr("train.csv has no metrics in it (its first column is not \"step\")"));
  EXPECT_EQ(contents(data), "a,b,label\n1,2,0\n");
}

TEST_F(Plugin, AResumedTrainingRepeatsNoStep) {
  {
    FakePlugin plugin(host, "csv", plugin_directory);
    test::play(host, plugin,
               {{{"step", Cell(2)}, {"loss", Cell(2.0)}},
                {{"step", Cell(4)}, {"loss", Cell(3.0)}},
                {{"step", Cell(4)}, {"train_loss", Cell(2.5)}}});
  }
  host.state.global_step = 2;
  FakePlugin plugin(host, "csv", plugin_directory);
  test::play(host, plugin, {{{"step", Cell(4)}, {"loss", Cell(1.0)}}});
  EXPECT_EQ(text(), "step,epoch,loss,train_loss\n2,,2.0,\n4,,1.0,\n");
  EXPECT_THAT(host.lines.back().second, HasSubstr("2 rows of "));
}

TEST_F(Plugin, ThePathCanBeChosen) {
  host.config["path"] = Cell((directory / "a/b/run.csv").string());
  FakePlugin plugin(host, "csv", plugin_directory);
  plugin.fire(TRAINER_ON_TRAIN_BEGIN);
  EXPECT_EQ(contents(directory / "a/b/run.csv"), "step,epoch\n");
}

TEST_F(Plugin, OnlyTheFirstProcessWrites) {
  host.state.is_world_process_zero = 0;
  FakePlugin plugin(host, "csv", plugin_directory);
  EXPECT_EQ(test::play(host, plugin, {{{"step", Cell(1)}, {"loss", Cell(1.0)}}}), TRAINER_OK);
  EXPECT_TRUE(std::filesystem::is_empty(directory.path()));
}

TEST_F(Plugin, AllocatesNothingOnceWarm) {
  FakePlugin plugin(host, "csv", plugin_directory);
  plugin.fire(TRAINER_ON_TRAIN_BEGIN);
  test::Row logs = {{"note", Cell("some, text")}};
  for (int i = 0; i < 10; ++i) logs.emplace_back("metric_" + std::to_string(i), Cell(i / 3.0));
  test::FakeMap map(logs);
  const auto log = [&] {
    ASSERT_EQ(plugin.fire(TRAINER_ON_LOG, map), TRAINER_OK);
    ++host.state.global_step;
  };
  for (int i = 0; i < 3; ++i) log();
  const long before = test::allocations;
  for (int i = 0; i < 5; ++i) log();
  EXPECT_EQ(test::allocations - before, 0);
}

}  // namespace
}  // namespace trainer::csv
