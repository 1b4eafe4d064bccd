// SPDX-License-Identifier: Apache-2.0
//
// The event writer against known bytes, and the plugin against a file that Hugging Face's callback
// wrote.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include "plugins/shared/run_config/log_keys.hpp"
#include "plugins/shared/system/environment.hpp"
#include "plugins/tensorboard/crc32c.hpp"
#include "plugins/tensorboard/event_encoder.hpp"
#include "plugins/tensorboard/event_writer.hpp"
#include "plugins/tensorboard/log_directory.hpp"
#include "support/count_allocations.hpp"
#include "support/fake_host.hpp"
#include "support/file_size_limit.hpp"
#include "support/scratch_directory.hpp"

namespace trainer::tensorboard {
namespace {

using plugins::expand_user;
using plugins::home_directory;
using plugins::rewrite_key;
using test::Cell;
using test::contents;
using test::FakeHost;
using test::FakePlugin;
using test::ScratchDirectory;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::MatchesRegex;

const std::string plugin_directory = TRAINER_BUILD_DIR "/plugins";
const std::string recorded = TRAINER_SOURCE_DIR "/tests/plugins/data/tensorboard/";

std::string hex(std::string_view bytes) {
  std::string out;
  for (const unsigned char byte : bytes) {
    out += "0123456789abcdef"[byte >> 4];
    out += "0123456789abcdef"[byte & 15];
  }
  return out;
}

std::uint64_t load(std::string_view bytes, std::size_t size) {
  std::uint64_t value = 0;
  for (std::size_t i = size; i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}

/// The payloads of a file's records. Fails when it is anything but a sequence of whole, sound
/// records.
std::vector<std::string> payloads(const std::filesystem::path& file) {
  const std::string all = contents(file);
  std::vector<std::string> out;
  std::string_view left = all;
  while (!left.empty()) {
    const std::uint64_t size = left.size() >= 12 ? load(left, 8) : left.size();
    if (left.size() < size + 16) {
      ADD_FAILURE() << file << " ends in a part of a record";
      break;
    }
    EXPECT_EQ(load(left.substr(8), 4), masked_crc32c(left.substr(0, 8)));
    EXPECT_EQ(load(left.substr(12 + size), 4), masked_crc32c(left.substr(12, size)));
    out.emplace_back(left.substr(12, size));
    left.remove_prefix(size + 16);
  }
  return out;
}

/// A payload without its first field, the wall time: a byte of key and eight of a double.
std::string timeless(const std::string& payload) { return payload.substr(9); }

std::vector<std::filesystem::path> event_files(const std::filesystem::path& root) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root))
    if (entry.is_regular_file()) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

class Crc32cWays : public testing::TestWithParam<Crc32c> {};

TEST_P(Crc32cWays, GivesTheVectorsOfRfc3720) {
  const Crc32c crc = GetParam();
  if (crc == nullptr) GTEST_SKIP() << "this processor has no CRC-32C instruction";
  std::string up, down;
  for (int i = 0; i < 32; ++i) up += static_cast<char>(i), down += static_cast<char>(31 - i);
  EXPECT_EQ(crc(""), 0u);
  EXPECT_EQ(crc("123456789"), 0xE3069283u);
  EXPECT_EQ(crc(std::string(32, '\0')), 0x8A9136AAu);
  EXPECT_EQ(crc(std::string(32, '\xFF')), 0x62A8AB43u);
  EXPECT_EQ(crc(up), 0x46DD794Eu);
  EXPECT_EQ(crc(down), 0x113FDB5Cu);
}

INSTANTIATE_TEST_SUITE_P(Crc32c, Crc32cWays, testing::Values(crc32c_by_table, crc32c_by_instruction(), crc32c));

TEST(Crc32c, TableAndInstructionAgree) {
  const Crc32c instruction = crc32c_by_instruction();
  if (instruction == nullptr) GTEST_SKIP() << "this processor has no CRC-32C instruction";
  std::mt19937 random(1);
  std::string bytes(300, '\0');
  for (char& c : bytes) c = static_cast<char>(random());
  for (std::size_t begin = 0; begin < 9; ++begin)
    for (std::size_t size = 0; begin + size <= bytes.size(); ++size) {
      const auto part = std::string_view(bytes).substr(begin, size);
      ASSERT_EQ(crc32c_by_table(part), instruction(part)) << begin << " + " << size;
    }
}

// Made with TensorBoard's own protobuf classes and record writer.
TEST(EventEncoder, GivesGoldenBytes) {
  EventEncoder events;
  events.scalar(ScalarTag("train/loss"), 1700000001.0, 5, 0.25);
  EXPECT_EQ(hex(events.records()),
            "200000000000000029eda9500900004040fc54d94110052a130a110a0a747261696e2f6c6f73731500"
            "00803e5308b334");
  events.clear();
  events.text("args", 1700000002.0, 0, "{\"lr\": 0.1}");
  EXPECT_EQ(hex(events.records()),
            "410000000000000000a9c2ab0900008040fc54d9412a360a340a11617267732f746578745f73756d6d"
            "61727942150807120412020801420b7b226c72223a20302e317d4a080a060a0474657874fb5d5e5c");
}

TEST(EventEncoder, EncodesStepsOfEverySize) {
  const auto step_field = [](std::int64_t step) {
    EventEncoder events;
    events.session_start(0.0, step);
    const std::string records(events.records());
    return hex(std::string_view(records).substr(12 + 9, records.size() - 12 - 9 - 4 - 4));
  };
  EXPECT_EQ(step_field(0), "");  // left out, as protobuf does with defaults
  EXPECT_EQ(step_field(127), "107f");
  EXPECT_EQ(step_field(128), "108001");
  EXPECT_EQ(step_field(std::numeric_limits<std::int64_t>::max()), "10ffffffffffffffff7f");
  EXPECT_EQ(step_field(-1), "10ffffffffffffffffff01");
}

TEST(EventEncoder, EncodesEveryFloat) {
  const auto bits = [](double value) {
    EventEncoder events;
    events.scalar(ScalarTag("t"), 0.0, 0, value);
    const std::string_view records = events.records();
    return hex(records.substr(records.size() - 8, 4));
  };
  EXPECT_EQ(bits(0.0), "00000000");  // a oneof: a zero is written
  EXPECT_EQ(bits(1.5), "0000c03f");
  EXPECT_EQ(bits(std::numeric_limits<double>::infinity()), "0000807f");
  EXPECT_EQ(bits(-std::numeric_limits<double>::infinity()), "000080ff");
  EXPECT_EQ(bits(std::nan("")), "0000c07f");
}

TEST(EventEncoder, LongTagsAndTextsKeepTheirLengths) {
  const std::string tag(300, 'k'), text(70000, 't');
  EventEncoder events;
  events.scalar(ScalarTag(tag), 0.0, 1, 2.0);
  events.text(tag, 0.0, 1, text);
  const ScratchDirectory directory;
  test::write(directory / "f", std::string(events.records()));
  EXPECT_EQ(payloads(directory / "f").size(), 2u);
}

TEST(Names, KeysAreRewrittenAsTransformersDoes) {
  EXPECT_EQ(rewrite_key("eval_loss"), "eval/loss");
  EXPECT_EQ(rewrite_key("test_loss"), "test/loss");
  EXPECT_EQ(rewrite_key("loss"), "train/loss");
  EXPECT_EQ(rewrite_key("train_loss"), "train/train_loss");
  EXPECT_EQ(rewrite_key("eval_a_loss"), "eval/a_loss");
  EXPECT_EQ(rewrite_key("evaluation"), "train/evaluation");
  EXPECT_EQ(rewrite_key("eval_"), "eval/");
  EXPECT_EQ(rewrite_key(""), "train/");
}

TEST(Names, HomeIsExpandedAsInPython) {
  setenv("HOME", "/home/me", 1);
  EXPECT_EQ(expand_user("~"), "/home/me");
  EXPECT_EQ(expand_user("~/tb"), "/home/me/tb");
  EXPECT_EQ(expand_user("a/~/tb"), "a/~/tb");
  EXPECT_EQ(expand_user("~no-such-user-here/tb"), "~no-such-user-here/tb");
  EXPECT_EQ(expand_user("~root/tb"), home_directory("root") + "/tb");
}

TEST(EventWriter, NameAndFirstRecord) {
  const ScratchDirectory directory;
  const EventWriter writer(directory / "a/b");
  EXPECT_THAT(writer.path().filename().string(),
              MatchesRegex("events\\.out\\.tfevents\\.[0-9]{10}\\..+\\.[0-9]+\\.[0-9]+"));
  EXPECT_EQ(writer.directory(), directory / "a/b");
  const auto records = payloads(writer.path());
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(timeless(records[0]),
            "\x1a\x0d"
            "brain.Event:2"
            "R\x18\x0a\x16"
            "libtrainer.tensorboard");
}

TEST(EventWriter, LaterFilesOfADirectorySortLater) {
  const ScratchDirectory directory;
  test::write(directory / "events.out.tfevents.4000000000.host.1.0", "");
  std::string last = "events.out.tfevents.4000000000.host.1.0";
  for (int i = 0; i < 12; ++i) {
    const std::string name = EventWriter(directory.path()).path().filename().string();
    EXPECT_GT(name, last);
    last = name;
  }
}

TEST(EventWriter, FullDiskLeavesWholeRecords) {
  const ScratchDirectory directory;
  EventWriter writer(directory.path());
  const ScalarTag tag("train/loss");
  writer.events().scalar(tag, 1.0, 1, 1.0);
  writer.flush();
  const auto size = std::filesystem::file_size(writer.path());
  {
    const test::FileSizeLimit limit(size + 70);  // one record and a part of the next
    for (int i = 0; i < 3; ++i) writer.events().scalar(tag, 1.0, 2, 2.0);
    try {
      writer.flush();
      ADD_FAILURE() << "the write must fail";
    } catch (const sdk::FileError& e) {
      EXPECT_EQ(e.code(), EFBIG);
      EXPECT_THAT(e.what(), HasSubstr(writer.path().string() + " could not be written"));
      EXPECT_THAT(e.what(), HasSubstr("free some space"));
    }
  }
  EXPECT_EQ(std::filesystem::file_size(writer.path()), size);
  writer.events().scalar(tag, 1.0, 3, 3.0);
  writer.flush();
  EXPECT_EQ(payloads(writer.path()).size(), 3u);
}

class Plugin : public testing::Test {
 protected:
  Plugin() {
    unsetenv("TENSORBOARD_LOGGING_DIR");
    host.arguments["output_dir"] = Cell(directory.path().string());
  }
  ScratchDirectory directory;
  FakeHost host;
};

TEST_F(Plugin, WritesWhatTransformersWrote) {
  host.arguments_json = "{}";
  FakePlugin plugin(host, "tensorboard", plugin_directory);
  ASSERT_EQ(test::play(host, plugin, test::read_history(recorded + "log_history.json")), TRAINER_OK) << host.error;
  const auto files = event_files(directory.path());
  ASSERT_EQ(files.size(), 1u);
  EXPECT_THAT(std::filesystem::relative(files[0], directory.path()).string(),
              MatchesRegex("runs/[A-Z][a-z][a-z][0-9]+_[0-9-]+_.*/events.*"));

  const auto ours = payloads(files[0]);
  const auto theirs = payloads(recorded + "events.out.tfevents.1795450645.trkhost.13067.0");
  ASSERT_EQ(ours.size() + 1, theirs.size());  // theirs has a model_config
  EXPECT_THAT(theirs[2], HasSubstr("model_config/text_summary"));
  EXPECT_THAT(ours[1], HasSubstr("args/text_summary"));
  for (std::size_t i = 2; i < ours.size(); ++i) EXPECT_EQ(timeless(ours[i]), timeless(theirs[i + 1]));
}

TEST_F(Plugin, WritesTextsAndLeavesOutTheRest) {
  host.model_config_json = "{\"layers\": 2}";
  FakePlugin plugin(host, "tensorboard", plugin_directory);
  plugin.fire(TRAINER_ON_TRAIN_BEGIN);
  const test::Row logs = {{"note", Cell("hello")},
                          {"flag", Cell(true)},
                          {"none", Cell()},
                          {"list", test::json_cell("[1, 2]")},
                          {"eval_n", Cell(3)}};
  EXPECT_EQ(plugin.fire(TRAINER_ON_LOG, logs), TRAINER_OK);
  EXPECT_EQ(plugin.fire(TRAINER_ON_LOG, logs), TRAINER_OK);
  const auto records = payloads(event_files(directory.path()).at(0));
  ASSERT_EQ(records.size(), 3u + 2 * 3);
  EXPECT_THAT(records[1], HasSubstr("args/text_summary"));
  EXPECT_THAT(records[2], HasSubstr("{\"layers\": 2}"));
  EXPECT_THAT(records[3], HasSubstr("train/note/text_summary"));
  EXPECT_THAT(records[4], HasSubstr("train/flag\x15" + std::string("\x00\x00\x80\x3f", 4)));
  EXPECT_THAT(records[5], HasSubstr("eval/n"));
  ASSERT_EQ(host.lines.size(), 2u);  // once a key
  EXPECT_THAT(host.lines[0].second, HasSubstr("\"none\""));
  EXPECT_THAT(host.lines[1].second, HasSubstr("\"list\""));
}

TEST_F(Plugin, EvaluationsOutsideOfTrainingUseTheSameDirectory) {
  FakePlugin plugin(host, "tensorboard", plugin_directory);
  plugin.fire(TRAINER_ON_LOG, {{"eval_loss", Cell(1.0)}});
  plugin.fire(TRAINER_ON_TRAIN_BEGIN);
  plugin.fire(TRAINER_ON_LOG, {{"loss", Cell(1.0)}});
  plugin.fire(TRAINER_ON_TRAIN_END);
  EXPECT_EQ(event_files(directory.path()).size(), 1u);
  plugin.fire(TRAINER_ON_LOG, {{"eval_loss", Cell(1.0)}});
  const auto files = event_files(directory.path());
  ASSERT_EQ(files.size(), 2u);
  EXPECT_EQ(files[0].parent_path(), files[1].parent_path());
  EXPECT_EQ(payloads(files[0]).size(), 4u);
  EXPECT_EQ(payloads(files[1]).size(), 2u);
}

TEST_F(Plugin, ResumingHidesTheStepsThatComeAgain) {
  setenv("TENSORBOARD_LOGGING_DIR", directory.path().c_str(), 1);
  for (const std::int64_t resumed : {0, 128}) {
    FakePlugin plugin(host, "tensorboard", plugin_directory);
    host.state.global_step = resumed;
    plugin.fire(TRAINER_ON_TRAIN_BEGIN);
  }
  const auto files = event_files(directory.path());
  ASSERT_EQ(files.size(), 2u);
  EXPECT_EQ(payloads(files[0]).size(), 2u);
  const auto records = payloads(files[1]);
  ASSERT_EQ(records.size(), 3u);
  EXPECT_EQ(hex(timeless(records[1])), "1081013a020801");  // step 129, session_log {status START}
}

TEST_F(Plugin, TheConfiguredDirectoryGoesBeforeTheVariables) {
  setenv("TENSORBOARD_LOGGING_DIR", (directory.path() / "e").c_str(), 1);
  host.config["logging_dir"] = Cell((directory.path() / "c").string());
  FakePlugin plugin(host, "tensorboard", plugin_directory);
  plugin.fire(TRAINER_ON_TRAIN_BEGIN);
  EXPECT_EQ(event_files(directory.path() / "c").size(), 1u);
  EXPECT_FALSE(std::filesystem::exists(directory.path() / "e"));
}

TEST_F(Plugin, ResumingIntoANewDirectoryHidesNothing) {
  host.state.global_step = 128;
  FakePlugin plugin(host, "tensorboard", plugin_directory);
  plugin.fire(TRAINER_ON_TRAIN_BEGIN);
  EXPECT_EQ(payloads(event_files(directory.path()).at(0)).size(), 2u);
}

TEST_F(Plugin, ATrialHasADirectoryOfItsOwn) {
  FakePlugin plugin(host, "tensorboard", plugin_directory);
  host.state.is_hyper_param_search = 1;
  host.state.present = TRAINER_STATE_HAS_TRIAL_NAME;
  for (const char* name : {"trial-0", "trial-1"}) {
    host.state.trial_name = {name, 7};
    plugin.fire(TRAINER_ON_TRAIN_BEGIN);
    plugin.fire(TRAINER_ON_TRAIN_END);
    plugin.fire(TRAINER_ON_LOG, {{"eval_loss", Cell(1.0)}});
  }
  const auto files = event_files(directory.path());
  ASSERT_EQ(files.size(), 4u);
  EXPECT_EQ(files[0].parent_path().filename(), "trial-0");
  EXPECT_EQ(files[3].parent_path().filename(), "trial-1");
}

TEST_F(Plugin, ATrialsNameLeadsNowhereElse) {
  FakePlugin plugin(host, "tensorboard", plugin_directory);
  host.state.is_hyper_param_search = 1;
  host.state.present = TRAINER_STATE_HAS_TRIAL_NAME;
  const std::string names[] = {"../../up", "..", std::string(300, 'x')};
  for (const std::string& name : names) {
    host.state.trial_name = {name.data(), name.size()};
    ASSERT_EQ(plugin.fire(TRAINER_ON_TRAIN_BEGIN), TRAINER_OK) << host.error;
  }
  for (const auto& file : event_files(directory.path()))
    EXPECT_EQ(std::filesystem::relative(file, directory / "runs").string().find(".."), std::string::npos) << file;
  EXPECT_EQ(event_files(directory.path()).size(), 3u);
}

TEST_F(Plugin, RunsOfOneSecondHaveADirectoryEach) {
  std::set<std::string> directories;
  for (int run = 0; run < 3; ++run) FakePlugin(host, "tensorboard", plugin_directory).fire(TRAINER_ON_TRAIN_BEGIN);
  for (const auto& file : event_files(directory.path())) directories.insert(file.parent_path());
  EXPECT_EQ(directories.size(), 3u);
}

TEST_F(Plugin, ADirectoryThatIsRemovedIsOneSentence) {
  FakePlugin plugin(host, "tensorboard", plugin_directory);
  plugin.fire(TRAINER_ON_TRAIN_BEGIN);
  std::filesystem::remove_all(directory / "runs");
  EXPECT_EQ(plugin.fire(TRAINER_ON_LOG, {{"loss", Cell(1.0)}}), TRAINER_ERROR);
  EXPECT_THAT(host.error, HasSubstr("was removed while it was written"));
}

TEST_F(Plugin, OnlyTheFirstProcessWrites) {
  host.state.is_world_process_zero = 0;
  FakePlugin plugin(host, "tensorboard", plugin_directory);
  EXPECT_EQ(test::play(host, plugin, {{{"step", Cell(1)}, {"loss", Cell(1.0)}}}), TRAINER_OK);
  EXPECT_THAT(event_files(directory.path()), IsEmpty());
}

TEST_F(Plugin, AFileInTheWayIsOneSentence) {
  test::write(directory / "runs", "");
  FakePlugin plugin(host, "tensorboard", plugin_directory);
  EXPECT_EQ(plugin.fire(TRAINER_ON_TRAIN_BEGIN), TRAINER_ERROR);
  EXPECT_THAT(host.error, HasSubstr("could not be made a directory: Not a directory; "));
}

TEST_F(Plugin, AllocatesNothingOnceWarm) {
  FakePlugin plugin(host, "tensorboard", plugin_directory);
  plugin.fire(TRAINER_ON_TRAIN_BEGIN);
  test::Row logs = {{"note", Cell("text")}};
  for (int i = 0; i < 10; ++i) logs.emplace_back("metric_" + std::to_string(i), Cell(i * 0.1));
  test::FakeMap map(logs);
  const auto log = [&] {
    host.state.global_step += 1000;
    ASSERT_EQ(plugin.fire(TRAINER_ON_LOG, map), TRAINER_OK);
  };
  for (int i = 0; i < 3; ++i) log();
  const long before = test::allocations;
  for (int i = 0; i < 100; ++i) log();
  EXPECT_EQ(test::allocations - before, 0);
}

}  // namespace
}  // namespace trainer::tensorboard
