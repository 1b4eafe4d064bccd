// SPDX-License-Identifier: Apache-2.0
//
// The rules, the journal and the delivery's parts of plugins/shared/mlflow; servers are in
// tests/trackers.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cmath>
#include <limits>

#include "shared/mlflow/delivery.hpp"
#include "shared/mlflow/journal.hpp"
#include "shared/mlflow/record.hpp"
#include "shared/mlflow/rules.hpp"
#include "shared/mlflow/settings.hpp"
#include "support/fake_host.hpp"
#include "support/file_size_limit.hpp"
#include "support/scratch_directory.hpp"

using trainer::plugins::FileLock;
using trainer::plugins::SettingReader;
using namespace trainer::plugins::mlflow;
using trainer::sdk::Host;
using trainer::test::Cell;
using trainer::test::FakeHost;
using trainer::test::json_cell;
using trainer::test::ScratchDirectory;

namespace {

std::vector<std::string> all_of(Journal& journal) {
  std::vector<std::string> lines;
  for (Journal::Item item; journal.next(item);) lines.push_back(item.line);
  return lines;
}

void append(Journal& journal, std::string line) { journal.append(line); }

std::string metric_line(int value) {
  return "{\"metrics\":1,\"items\":[{\"key\":\"a\",\"value\":" + std::to_string(value) +
         ".0,\"timestamp\":1,\"step\":" + std::to_string(value) + "}]}";
}

const std::string header = "{\"journal\":1,\"of\":{}}";

TEST(MlflowRules, RewritesKeysAsTransformers) {
  EXPECT_EQ(sanitize("eval_loss"), "eval_loss");
  EXPECT_EQ(sanitize("f1 (macro)/a:b-c.d"), "f1 _macro_/a:b-c.d");
  EXPECT_EQ(sanitize("\xC3\xA9t\xC3\xA9"), "_t_");  // one for a character
}

TEST(MlflowRules, KnowsTheNamesThatServersRefuse) {
  for (const char* name : {"loss", "eval/loss", "a b", "a..b"}) EXPECT_EQ(name_problem(name), "") << name;
  for (const char* name : {"", "/a", "a/", "a//b", "a/../b", "./a", ".", "..", "..a"})
    EXPECT_NE(name_problem(name), "") << name;
  EXPECT_EQ(name_problem(std::string(250, 'a')), "");
  EXPECT_NE(name_problem(std::string(251, 'a')), "");
}

TEST(MlflowRules, WritesMetricsAsJson) {
  const double infinity = std::numeric_limits<double>::infinity();
  std::string out;
  append_metric(out, "loss", 1e-05, 1700000000000, 7);
  EXPECT_EQ(out, R"({"key":"loss","value":1e-05,"timestamp":1700000000000,"step":7})");
  for (const auto& [value, text] :
       {std::pair(std::nan(""), "\"NaN\""), {infinity, "\"Infinity\""}, {-infinity, "\"-Infinity\""}}) {
    out.clear();
    append_metric(out, "k", value, 1, 0);
    EXPECT_EQ(out, std::string(R"({"key":"k","value":)") + text + R"(,"timestamp":1,"step":0})");
  }
}

TEST(MlflowRules, MakesParameters) {
  const std::string model = R"({"hidden": 4, "seed": 1})";
  const std::string args = R"({"seed": 42, "none": null, "config": {"a": false, "b": {"c": 1e-3}, "e": {}}})";
  const Pairs plain = {
      {"hidden", "4"}, {"seed", "42"}, {"none", "None"}, {"config", "{'a': False, 'b': {'c': 0.001}, 'e': {}}"}};
  EXPECT_EQ(make_params(model, args, false).kept, plain);
  const Pairs flat = {{"hidden", "4"},       {"seed", "42"},          {"none", "None"},
                      {"config.a", "False"}, {"config.b.c", "0.001"}, {"config.e", "{}"}};
  EXPECT_EQ(make_params(model, args, true).kept, flat);
  EXPECT_EQ(make_params("", args, false).kept.size(), 3u);
}

TEST(MlflowRules, DropsWhatIsTooLongWithASentence) {
  const auto params = [](std::size_t size) {
    return make_params("", "{\"k\": \"" + std::string(size, 'x') + "\"}", false);
  };
  EXPECT_EQ(params(6000).kept.size(), 1u);
  EXPECT_EQ(params(6001).kept.size(), 0u);
  ASSERT_EQ(params(6001).dropped.size(), 1u);
  EXPECT_NE(params(6001).dropped[0].find("MLFLOW_FLATTEN_PARAMS"), std::string::npos);
}

TEST(MlflowRules, MakesTags) {
  EXPECT_EQ(make_tags(R"({"a": "x", "b": 1, "c": null})", "MLFLOW_TAGS"),
            (Pairs{{"a", "x"}, {"b", "1"}, {"c", "None"}}));
  EXPECT_EQ(make_tags("{\"a\": \"" + std::string(9000, 'x') + "\"}", "T")[0].second.size(), 8000u);
  EXPECT_THROW(make_tags("[1]", "MLFLOW_TAGS"), std::invalid_argument);
  EXPECT_THROW(make_tags("{a", "MLFLOW_TAGS"), std::invalid_argument);
}

TEST(MlflowSettings, TellsTheAddressesApart) {
  EXPECT_TRUE(is_dagshub_uri("https://dagshub.com/owner/repo.mlflow"));
  EXPECT_TRUE(is_dagshub_uri("http://127.0.0.1:8/base/owner/repo.mlflow/"));
  for (const char* uri : {"", "http://127.0.0.1:5000", "https://host/repo.mlflow", "https://host/owner/.mlflow",
                          "https://host/owner/repo", "sqlite:////a/owner/repo.mlflow", "https://host//repo.mlflow"})
    EXPECT_FALSE(is_dagshub_uri(uri)) << uri;
  for (const char* uri : {"", "sqlite:///a.db", "file:///a", "/a/mlruns", "azureml://a", "databricks"})
    EXPECT_NE(uri_problem({uri, "MLFLOW_TRACKING_URI"}), "") << uri;
}

TEST(MlflowSettings, KeepWhatIsSecretToThemselves) {
  for (const char* uri :
       {"me:secret@h", "postgresql://me:secret@h/db", "databricks://me:secret@h", "sftp://h?a=secret"})
    EXPECT_EQ(uri_problem({uri, "config.tracking_uri"}).find("secret"), std::string::npos) << uri;
  const FakeHost host;
  const SettingReader given{Host(host.table())};
  ::setenv("MLFLOW_TRACKING_URI", "http://token@h:1", 1);
  EXPECT_EQ(read_settings(given).user, "");  // no name for the run
  EXPECT_EQ(read_settings(given).http.user, "token");
  ::setenv("MLFLOW_TRACKING_URI", "http://me:pw@h:1", 1);
  EXPECT_EQ(read_settings(given).user, "me");
  ::unsetenv("MLFLOW_TRACKING_URI");
}

TEST(MlflowSettings, OfTheConfigurationGoBeforeTheEnvironments) {
  const std::pair<const char*, const char*> variables[] = {
      {"MLFLOW_TRACKING_URI", "http://e:1"}, {"MLFLOW_TRACKING_TOKEN", "e"},
      {"MLFLOW_EXPERIMENT_NAME", "e"},       {"MLFLOW_TAGS", "e"},
      {"MLFLOW_FLATTEN_PARAMS", "1"},        {"MLFLOW_MAX_LOG_PARAMS", "3"},
      {"MLFLOW_HTTP_REQUEST_TIMEOUT", "e"}};
  for (const auto& [name, value] : variables) ::setenv(name, value, 1);
  FakeHost host;
  host.config["tracking_uri"] = Cell("http://c:1/");
  host.config["tracking_token"] = Cell("c");
  host.config["experiment_name"] = Cell("");
  host.config["tags"] = json_cell(R"({"a": 1})");
  host.config["flatten_params"] = Cell(false);
  host.config["max_log_params"] = Cell(7);
  host.config["http_request_timeout"] = Cell(2.5);
  const Settings settings = read_settings(SettingReader{Host(host.table())});
  EXPECT_EQ(settings.base, "http://c:1");
  EXPECT_EQ(settings.http.bearer, "c");
  EXPECT_EQ(settings.experiment_name, "");
  EXPECT_EQ(settings.tags.text, R"({"a": 1})");
  EXPECT_EQ(settings.tags.name, "config.tags");
  EXPECT_FALSE(settings.flatten_params);
  EXPECT_EQ(settings.max_log_params, 7u);
  EXPECT_EQ(settings.http.timeout, 2.5);
  for (const auto& [name, value] : variables) ::unsetenv(name);
  host.config["tracking_uri"] = Cell("file:///a");
  EXPECT_EQ(uri_problem(tracking_uri(SettingReader{Host(host.table())})).substr(0, 38),
            "config.tracking_uri is \"file:///a\", a ");
}

TEST(MlflowJournal, GivesWhatWasAppendedAndGoesWhenDone) {
  ScratchDirectory scratch;
  Journal journal(scratch.path(), "mlflow", header);
  append(journal, "{\"metrics\":1,\"items\":[1]}");
  journal.mark("{\"run\":{}}");
  append(journal, "{\"metrics\":1,\"items\":[2]}");
  EXPECT_FALSE(journal.remove_if_done(header));
  const auto lines = all_of(journal);
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[1], "{\"metrics\":1,\"items\":[2]}");
  EXPECT_TRUE(journal.remove_if_done("{\"journal\":1,\"of\":{\"more\":1}}"));
  EXPECT_FALSE(std::filesystem::exists(journal.path()));
  append(journal, "{\"metrics\":1,\"items\":[3]}");  // begins it again
  EXPECT_EQ(trainer::test::contents(journal.path()),
            "{\"journal\":1,\"of\":{\"more\":1}}\n{\"metrics\":1,\"items\":[3]}\n");
  EXPECT_EQ(all_of(journal).size(), 1u);
}

TEST(MlflowJournal, GoesOnAfterWhatWasSent) {
  ScratchDirectory scratch;
  std::filesystem::path path;
  {
    Journal journal(scratch.path(), "mlflow", header);
    path = journal.path();
    for (int i = 0; i < 3; ++i) append(journal, metric_line(i));
    journal.mark("{\"run\":{\"id\":\"r\"}}");
    Journal::Item item;
    ASSERT_TRUE(journal.next(item));
    journal.mark_sent(item.end);
    ASSERT_TRUE(journal.next(item));  // read, and not sent
    FileLock other;
    EXPECT_FALSE(other.take(path));
  }
  trainer::test::write(path, trainer::test::contents(path) + "{\"metrics\":1,\"ite");  // torn
  EXPECT_EQ(Journal::left_over(scratch.path(), "mlflow").size(), 1u);
  EXPECT_EQ(Journal::left_over(scratch.path(), "dagshub").size(), 0u);
  FileLock lock;
  ASSERT_TRUE(lock.take(path));
  Journal journal(path, std::move(lock));
  EXPECT_EQ(journal.marks(), std::vector<std::string>{"{\"run\":{\"id\":\"r\"}}"});
  EXPECT_EQ(journal.damage(), "");
  EXPECT_EQ(journal.last_metrics(), metric_line(2));
  EXPECT_EQ(all_of(journal), (std::vector<std::string>{metric_line(1), metric_line(2)}));
}

// Whoever may write in output_dir may write a journal: it names nothing but its own directory of files.
TEST(MlflowJournal, PassesOverDamagedLines) {
  const std::string damaged[] = {"",
                                 "hello",
                                 std::string(3, '\0'),
                                 "{\"metrics\":1,\"items\":[{\"key\":\"a\"",
                                 R"({"metrics":1,"items":[1]})",
                                 R"({"metrics":1,"items":[{"key":"a","value":"b"}]})",
                                 R"({"metrics":1,"items":[],"items":[{"key":"a","value":{}}]})",
                                 R"({"params":0,"items":[]})",
                                 R"({"tags":1,"items":[{"key":"a","value":1}]})",
                                 R"({"artifact":{"directory":"../victim","name":"victim"}})",
                                 R"({"artifact":{"directory":"/victim","name":"x"}})",
                                 R"({"artifact":{"directory":"mlflow-1-1.journal.files/..","name":".."}})",
                                 R"({"artifact":{"directory":"mlflow-1-1.journal.files","name":""}})",
                                 R"({"artifact":{"directory":"mlflow-1-1.journal.files/a/../..","name":"a/../.."}})",
                                 R"({"artifact":{"directory":"mlflow-1-1.journal.files/a","name":"../a"}})",
                                 R"({"artifact":{"directory":"mlflow-2-2.journal.files/a","name":"a"}})",
                                 R"({"artifact":7})",
                                 R"({"run":{"artifact_uri":"http://elsewhere"}})",
                                 R"({"end":{"status":"BROKEN","time":7}})",
                                 R"({"end":{)",
                                 R"({"sent":99999})",  // beyond itself
                                 R"({"sent":7})",      // within a line
                                 R"({"sent":-1})",
                                 R"({"more":1})",
                                 R"({"journal":1,"of":{}})"};
  const std::string good[] = {metric_line(0), R"({"params":1,"items":[{"key":"a","value":"b"}]})",
                              R"({"artifact":{"directory":"mlflow-1-1.journal.files/a b","name":"a b"}})",
                              R"({"end":{"status":"FINISHED","time":7}})"};
  ScratchDirectory scratch;
  const auto path = scratch / "mlflow-1-1.journal";
  for (const std::string& line : damaged) {
    std::string text = header + "\n" + line + "\n";
    for (const std::string& one : good) text += one + "\n" + line + "\n";
    trainer::test::write(path, text);
    Journal journal(path, FileLock());
    EXPECT_NE(journal.damage().find("line 2 "), std::string::npos) << line;
    EXPECT_EQ(all_of(journal), std::vector<std::string>(std::begin(good), std::end(good))) << line;
    EXPECT_TRUE(journal.marks().empty()) << line;
    EXPECT_TRUE(journal.remove_if_done(header)) << line;
  }
}

TEST(MlflowJournal, RemovesItsOwnFilesOnly) {
  ScratchDirectory scratch;
  std::filesystem::create_directories(scratch / "victim");
  trainer::test::write(scratch / "victim/key", "secret");
  const auto path = scratch / "mlflow-1-1.journal";
  trainer::test::write(path, header + "\n");
  std::filesystem::create_symlink("victim", scratch / "mlflow-1-1.journal.files");
  Journal journal(path, FileLock());
  EXPECT_TRUE(journal.remove_if_done(header));
  EXPECT_TRUE(std::filesystem::exists(scratch / "victim/key"));
  EXPECT_FALSE(std::filesystem::is_symlink(scratch / "mlflow-1-1.journal.files"));
}

TEST(MlflowJournal, TakesOnlyFilesForLeftOver) {
  ScratchDirectory scratch;
  trainer::test::write(scratch / "elsewhere", header + "\n");
  std::filesystem::create_symlink("elsewhere", scratch / "mlflow-1-1.journal");
  std::filesystem::create_directory(scratch / "mlflow-2-2.journal");
  ASSERT_EQ(::mkfifo((scratch / "mlflow-3-3.journal").c_str(), 0600), 0);
  EXPECT_TRUE(Journal::left_over(scratch.path(), "mlflow").empty());
}

#if !defined(_WIN32)
TEST(MlflowJournal, KeepsInMemoryWhatAFullDiskRefuses) {
  ScratchDirectory scratch;
  Journal journal(scratch.path(), "mlflow", header);
  const std::string large = "{\"metrics\":1,\"items\":[\"" + std::string(4000, 'x') + "\"]}";
  append(journal, large);
  {
    trainer::test::FileSizeLimit limit(5000);
    append(journal, large);
    append(journal, large);
  }
  EXPECT_NE(journal.take_problem(), "");
  EXPECT_EQ(journal.take_problem(), "");  // told once
  EXPECT_EQ(journal.waiting_in_memory(), 2u);
  append(journal, "{\"end\":{}}");  // the disk has room again
  EXPECT_EQ(all_of(journal).size(), 4u);
  EXPECT_TRUE(journal.remove_if_done(header));
}
#endif

TEST(MlflowJournal, RefusesAForeignFile) {
  ScratchDirectory scratch;
  const auto path = scratch / "mlflow-1-1.journal";
  trainer::test::write(path, "hello\n");
  EXPECT_THROW(Journal(path, FileLock()), std::runtime_error);
  EXPECT_EQ(trainer::test::contents(path), "hello\n");
}

// Journals outlive the program that wrote them: these bytes are what every version writes and reads.
TEST(MlflowRecord, ComesBackAsItWasWritten) {
  const std::string metric = R"({"key":"loss","value":1e-05,"timestamp":7,"step":1})";
  const std::string pair = R"({"key":"a","value":"]}"},{"key":"b","value":"\"items\":["})";
  const std::pair<Record, std::string> records[] = {
      {{.kind = Record::Kind::metrics, .count = 1, .items = metric}, R"({"metrics":1,"items":[)" + metric + "]}"},
      {{.kind = Record::Kind::params, .count = 2, .items = pair}, R"({"params":2,"items":[)" + pair + "]}"},
      {{.kind = Record::Kind::tags, .count = 2, .items = pair}, R"({"tags":2,"items":[)" + pair + "]}"},
      {{.kind = Record::Kind::artifact, .directory = "a/b \"c\"", .name = "\xC3\xA9\n"},
       "{\"artifact\":{\"directory\":\"a/b \\\"c\\\"\",\"name\":\"\xC3\xA9\\u000a\"}}"},
      {{.kind = Record::Kind::end, .status = "FINISHED", .time = 1700000000000},
       R"({"end":{"status":"FINISHED","time":1700000000000}})"},
      {{.kind = Record::Kind::end}, R"({"end":{"status":"","time":0}})"},
      {{.kind = Record::Kind::creating}, R"({"creating":true})"},
      {{.kind = Record::Kind::run, .id = "r1"}, R"({"run":{"id":"r1"}})"},
      {{.kind = Record::Kind::sent, .position = 5'000'000'000}, R"({"sent":5000000000})"}};
  for (const auto& [record, line] : records) {
    EXPECT_EQ(record.to_line(), line);
    EXPECT_EQ(Record::kind_of(line), record.kind);
    const Record back = Record::read(line);
    EXPECT_EQ(back.kind, record.kind) << line;
    EXPECT_EQ(back.count, record.count) << line;
    EXPECT_EQ(back.items, record.items) << line;
    EXPECT_EQ(back.directory, record.directory) << line;
    EXPECT_EQ(back.name, record.name) << line;
    EXPECT_EQ(back.status, record.status) << line;
    EXPECT_EQ(back.time, record.time) << line;
    EXPECT_EQ(back.id, record.id) << line;
    EXPECT_EQ(back.position, record.position) << line;
  }
}

TEST(MlflowRecord, KnowsTheMarksAndWhatIsNone) {
  for (const char* mark : {"{\"creating\":true}", "{\"run\":{}}", "{\"sent\":1}", "{\"journal\":1,\"of\":{}}"})
    EXPECT_TRUE(Record::is_mark(mark)) << mark;
  for (const char* line : {"{\"metrics\":1,\"items\":[1]}", "{\"end\":{}}", "{\"more\":1}", "hello", ""})
    EXPECT_FALSE(Record::is_mark(line)) << line;
  for (const char* line : {"{\"more\":1}", "{\"metrics\"", "{\"metrics\":1", "{\"tags\":0,\"items\":[]}", "hello", ""})
    EXPECT_EQ(Record::read(line).kind, Record::Kind::unknown) << line;
  EXPECT_TRUE(Record::read("{\"end\":{").status.empty());
}

TEST(MlflowItems, AreJoinedAndComeApart) {
  Items items;
  items.add_metric("loss", 0.5, 7, 1);
  items.add_metric("lr", 1e-05, 8, 1);
  EXPECT_EQ(items.json(), R"({"key":"loss","value":0.5,"timestamp":7,"step":1},)"
                          R"({"key":"lr","value":1e-05,"timestamp":8,"step":1})");
  EXPECT_EQ(items.count(), 2u);
  EXPECT_EQ(last_timestamp(items.json()), 8);
  Items all;
  all.add(items.json(), items.count());
  all.add(items.json(), items.count());
  EXPECT_EQ(all.count(), 4u);
  EXPECT_EQ(split_items(all.json()).size(), 4u);
  items.clear();
  items.add_pair("k", "v");
  EXPECT_EQ(items.json(), R"({"key":"k","value":"v"})");
  EXPECT_EQ(last_timestamp(items.json()), 0);
}

TEST(MlflowDelivery, SplitsItems) {
  const std::string items = R"({"key":"a","value":"},{\"\\"},{"key":"b","value":1})";
  const auto parts = split_items(items);
  ASSERT_EQ(parts.size(), 2u);
  EXPECT_EQ(parts[1], R"({"key":"b","value":1})");
  EXPECT_TRUE(split_items("").empty());
}

TEST(MlflowDelivery, KeepsTheRunInTheHeader) {
  RunHeader run;
  run.uri = "http://h";
  run.run_name = "a \"name\"";
  run.start_time = 1700000000000;
  run.keep_status = true;
  run.tags = {{"k", "v"}};
  const RunHeader back = RunHeader::from_json(run.to_json());
  EXPECT_EQ(back.uri, run.uri);
  EXPECT_EQ(back.run_name, run.run_name);
  EXPECT_EQ(back.start_time, run.start_time);
  EXPECT_TRUE(back.keep_status);
  EXPECT_EQ(back.tags, run.tags);
  EXPECT_THROW(RunHeader::from_json("{}"), std::runtime_error);
}

}  // namespace
