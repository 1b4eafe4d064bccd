// SPDX-License-Identifier: Apache-2.0
//
// Which trackers args.report_to means; the order is that of transformers' integration_utils.py.
#include "run/report_to.hpp"

#include <gtest/gtest.h>

#include "support/plugin_builder.hpp"
#include "trainer/callback_handler.hpp"
#include "trainer/callback_spec.hpp"
#include "trainer/log.hpp"

using namespace trainer;
using namespace plugin_builder;

namespace {

class ReportTo : public testing::Test {
 protected:
  ReportTo() {
    log::set_sink([this](log::Level, std::string_view text) { lines_ += std::string(text) + "\n"; });
    args_.finalize();
  }
  ~ReportTo() override { log::set_sink({}); }

  // A tracker that says `status` when it is asked; TRAINER_OK without the extension's code.
  void tracker(const std::string& id, const std::string& status = "", const std::string& keys = "") {
    const std::string name = "\"report_to\": \"" + id + "\"" + (keys.empty() ? "" : ", " + keys);
    if (status.empty()) return (void)compile(directory_.path() / (id + ".so"), good(id, name));
    compile(
        directory_.path() / (id + ".so"),
        preamble +
            "#include <stdlib.h>\n#include <string.h>\nstatic int32_t TRAINER_CALL available(const trainer_host* host) {\n"
            "  trainer_value uri = {sizeof uri, 0, 0, 0, {0, 0}};\n  (void)uri;\n"
            "  host->set_error(host, \"set " +
            id + "_URI\", 8); return " + status +
            "; }\n"
            "static const void* TRAINER_CALL get_extension(const char* id) {\n"
            "  static const trainer_ext_tracker t = {sizeof t, 0, available};\n"
            "  return strcmp(id, TRAINER_EXT_TRACKER) == 0 ? &t : NULL; }\n"
            "TRAINER_PLUGIN_DEFINE(create, get_extension, {\"id\": \"" +
            id + "\", \"version\": \"1\", \"events\": [\"on_log\"], " + name + "})\n");
  }

  std::string names(const std::vector<std::string>& report_to) {
    const PluginRegistry registry({directory_.path()});
    std::string out;
    for (const auto& tracker : resolve_report_to(report_to, registry, context_))
      out += (out.empty() ? "" : " ") + tracker.name + (tracker.config.empty() ? "" : json::dump(tracker.config));
    return out;
  }

  std::string lines_;
  TemporaryDirectory directory_;
  TrainingArguments args_;
  HostContext context_{&args_, nullptr, "", nullptr};
};

TEST_F(ReportTo, AllIsWhatIsAvailableInTransformersOrder) {
  for (const char* id : {"zebra", "wandb", "codecarbon", "tensorboard"}) tracker(id);
  tracker("mlflow", "TRAINER_UNAVAILABLE");
  tracker("dvclive", "TRAINER_NOT_CONFIGURED");
  EXPECT_EQ(names({"all"}), "tensorboard wandb codecarbon zebra");
  EXPECT_EQ(names({"none"}), "");
  EXPECT_EQ(names({}), "");
}

TEST_F(ReportTo, AllProcessesTakeTheAnswerOfRank0) {
  tracker("csv");
  tracker("mlflow", "getenv(\"REPORT_TO_TEST\") ? TRAINER_OK : TRAINER_UNAVAILABLE");
  compile(directory_.path() / "python.so", good("python", "\"config\": {\"callback\": {\"type\": \"string\"}}"));
  const PluginRegistry registry({directory_.path()});
  std::string given;
  context_.process.world_size = 2;
  context_.from_rank_0 = [&](const std::string& text) { return context_.process.rank == 0 ? given = text : given; };
  const auto names = [&](std::uint32_t rank, const std::vector<std::string>& report_to) {
    context_.process.rank = rank;
    std::string out;
    for (const Tracker& tracker : agreed_report_to(report_to, registry, context_, no_tracker))
      out += tracker.name + json::dump(tracker.config) + (tracker.asked_for ? " asked for\n" : "\n");
    return out;
  };
  setenv("REPORT_TO_TEST", "", 1);
  const std::string all = names(0, {"all"});
  unsetenv("REPORT_TO_TEST");
  EXPECT_EQ(all, "mlflow{}\ncsv{}\n");
  EXPECT_EQ(names(1, {"all"}), all);
  const std::string named = names(0, {"csv", "python:a.b:C"});
  EXPECT_EQ(named, "csv{} asked for\npython:a.b:C{\"callback\": \"a.b:C\"} asked for\n");
  EXPECT_EQ(names(1, {"none"}), named);
  given = R"([{"plugin": "gone", "name": "gone", "versions": "", "config": {}, "asked_for": false}])";
  EXPECT_SAYS(sentence_of([&] { names(1, {"all"}); }), "rank 0 reports to \"gone\": plugin \"gone\" was not found");
}

TEST_F(ReportTo, TakesTheVersionsThatANameAsksFor) {
  const auto later = directory_.path() / "later";
  fs::create_directory(later);
  const std::string keys =
      "\"report_to\": \"csv\", \"config\": {\"callback\": {\"type\": [\"string\", \"null\"], \"default\": null}}";
  compile(directory_.path() / "csv.so", good("csv", keys));
  auto text = good("csv", keys);
  text.replace(text.find("1.0"), 3, "2.0");
  compile(later / "csv.so", text);
  const PluginRegistry registry({directory_.path(), later});
  const auto used = [&](const std::vector<std::string>& report_to, const std::vector<CallbackSpec>& callbacks) {
    TrainerState state;
    TrainerControl control;
    CallbackHandler handler(args_, state, control);
    context_.state = &state;
    add_callbacks(handler, report_to, {}, callbacks, registry, context_);
    std::string out;
    for (const auto& entry : handler.entries()) out += entry->name + " " + entry->plugin()->note.version + "\n";
    return out;
  };
  EXPECT_EQ(used({"csv"}, {}), "csv 1.0\n");
  EXPECT_EQ(used({"csv@>=2", "csv"}, {}), "csv 2.0\n");
  EXPECT_EQ(used({"csv@2:x"}, {}), "csv:x 2.0\n");
  EXPECT_EQ(used({"csv"}, {CallbackSpec::plugin("csv@2")}), "csv 2.0\n");
  EXPECT_EQ(CallbackSpec::plugin("csv@2").plugin_id(), "csv");
  EXPECT_SAYS(sentence_of([&] { used({"csv@3"}, {}); }),
              "args.report_to names \"csv@3\", of which no such version was found");
  EXPECT_SAYS(
      sentence_of([&] { used({"csv@1"}, {CallbackSpec::plugin("csv@2")}); }),
      "args.report_to names \"csv@1\", and the run has it from " + (later / "csv.so").string() + ", version 2.0");
  EXPECT_SAYS(sentence_of([&] { used({}, {CallbackSpec::plugin("csv@2"), CallbackSpec::plugin("csv@1")}); }),
              "callbacks name \"csv@1\", and the run has it from");
  EXPECT_SAYS(
      sentence_of([&] { used({}, {CallbackSpec::plugin("csv@2"), CallbackSpec::plugin("csv", {{"callback", "x"}})}); }),
      "expected one of them; name the same versions in both places");
  EXPECT_SAYS(sentence_of([&] { CallbackSpec::plugin("csv@latest"); }), "after the @, expected versions such as");

  // All processes of a run take what rank 0 asks for.
  std::string given;
  context_.process.world_size = 2;
  context_.from_rank_0 = [&](const std::string& text) { return context_.process.rank == 0 ? given = text : given; };
  EXPECT_EQ(agreed_report_to({"csv@2"}, registry, context_, no_tracker).at(0).file.path, later / "csv.so");
  context_.process.rank = 1;
  EXPECT_EQ(agreed_report_to({"csv@2"}, registry, context_, no_tracker).at(0).file.path, later / "csv.so");
}

TEST_F(ReportTo, ANameIsUsedUnlessItCannotWork) {
  tracker("tensorboard");
  tracker("mlflow", "TRAINER_UNAVAILABLE");
  tracker("dvclive", "TRAINER_NOT_CONFIGURED");
  EXPECT_EQ(names({"dvclive", "tensorboard"}), "dvclive tensorboard");
  EXPECT_SAYS(sentence_of([&] { names({"mlflow"}); }), "not available here: set mlfl");
  EXPECT_SAYS(sentence_of([&] { names({"tensorbord"}); }), "did you mean \"tensorboard\"");
}

TEST_F(ReportTo, AllTakesOneTrackerOfAStore) {
  for (const char* id : {"mlflow", "dagshub"}) tracker(id, "", "\"store\": \"mlflow\"");
  tracker("azure_ml", "TRAINER_UNAVAILABLE", "\"store\": \"mlflow\"");
  EXPECT_EQ(names({"all"}), "dagshub");
  EXPECT_EQ(names({"mlflow", "dagshub"}), "mlflow dagshub");
}

TEST_F(ReportTo, WhatTheCallbacksConfigureIsAvailableByThat) {
  const std::string store = "\"store\": \"mlflow\"";
  tracker("mlflow", "host->config(host, \"uri\", 3, &uri) || uri.text.size == 0 ? TRAINER_UNAVAILABLE : TRAINER_OK",
          store + ", \"config\": {\"uri\": {\"type\": \"string\", \"default\": \"\"}}");
  tracker("dagshub", "", store);
  const PluginRegistry registry({directory_.path()});
  TrainerState state;
  TrainerControl control;
  const CallbackSpec configured = CallbackSpec::plugin("mlflow", {{"uri", "http://h"}});
  for (const auto& report_to : {std::vector<std::string>{"mlflow"}, std::vector<std::string>{"all"}}) {
    CallbackHandler handler(args_, state, control);
    add_callbacks(handler, report_to, {}, {configured}, registry, context_);
    ASSERT_EQ(handler.entries().size(), 1u) << "and no other of its store";
    EXPECT_EQ(handler.entries()[0]->name, "mlflow");
  }
  EXPECT_EQ(names({"all"}), "dagshub");
  EXPECT_SAYS(sentence_of([&] { names({"mlflow"}); }), "args.report_to names \"mlflow\", which is not available here");
  CallbackHandler handler(args_, state, control);
  EXPECT_SAYS(
      sentence_of([&] { add_callbacks(handler, {}, {}, {CallbackSpec::plugin("mlflow")}, registry, context_); }),
      "callbacks names the plugin \"mlflow\", which is not available here: set mlfl");
}

TEST_F(ReportTo, ATrackerWithTheNameOfAnotherTakesItsPlaceNotInSilence) {
  tracker("tensorboard");
  tracker("csv");
  compile(directory_.path() / "a.so", good("evil", "\"report_to\": \"tensorboard\""));
  EXPECT_EQ(names({"csv"}), "csv");
  EXPECT_EQ(lines_, "");
  for (const auto& report_to : {std::vector<std::string>{"tensorboard"}, std::vector<std::string>{"all"}}) {
    lines_.clear();
    EXPECT_EQ(names(report_to), report_to[0] == "all" ? "tensorboard csv" : "tensorboard");
    EXPECT_SAYS(lines_, "report_to \"tensorboard\" is the plugin evil (");
    EXPECT_SAYS(lines_, "/a.so); tensorboard (");
  }
  PluginRegistry registry({directory_.path()});
  ASSERT_EQ(twins(registry).size(), 1u);
  EXPECT_EQ(twins(registry)[0].later->note.id, "tensorboard");
  EXPECT_EQ(twins(registry)[0].used->note.id, "evil");
  registry.leave_out({"evil"});
  EXPECT_TRUE(twins(registry).empty());
}

TEST_F(ReportTo, WhatNobodyNamedIsLeftOutWhenItCannotBeMade) {
  tracker("csv");
  std::string text = good("evil", "\"report_to\": \"evil\"");
  const std::string good_create = "*out = &callback;";
  text.replace(text.find(good_create), good_create.size(), "(void)out; return TRAINER_ERROR;");
  compile(directory_.path() / "evil.so", text);
  const PluginRegistry registry({directory_.path()});
  TrainerState state;
  TrainerControl control;
  CallbackHandler handler(args_, state, control);
  add_callbacks(handler, {"all"}, {}, {}, registry, context_);
  ASSERT_EQ(handler.entries().size(), 1u);
  EXPECT_SAYS(lines_, "could not be created: it gave no reason; report_to leaves it out [plugin.create-failed]");
  EXPECT_SAYS(sentence_of([&] { add_callbacks(handler, {"evil"}, {}, {}, registry, context_); }),
              "could not be created");
}

TEST_F(ReportTo, AStateUnderTheClassOfAnotherPluginIsTold) {
  std::string text = good("evil", "\"class\": \"Known\"");
  text.insert(text.find("TRAINER_PLUGIN_DEFINE"), R"(#include <trainer/ext/state.h>
static const void* TRAINER_CALL offers(trainer_callback* self, const char* id) {
  static const trainer_ext_state state = {sizeof state, 0, NULL, NULL, NULL};
  return (void)self, id[8] == 's' ? &state : NULL; }
)");
  const std::string end = "*out = &callback;";
  text.replace(text.find(end), end.size(), "callback.get_extension = offers, *out = &callback;");
  const std::string include = "#include <trainer/plugin.h>";
  text.replace(text.find(include), include.size(),
               include + "\nstatic const void* TRAINER_CALL offers(trainer_callback*, const char*);");
  compile(directory_.path() / "evil.so", text);
  compile(directory_.path() / "known.so", good("known", "\"class\": \"Known\""));
  TrainerState state;
  TrainerControl control;
  CallbackHandler handler(args_, state, control);
  const PluginRegistry registry({directory_.path()});
  add_callbacks(handler, {"none"}, {}, {CallbackSpec::plugin("known")}, registry, context_);
  EXPECT_EQ(lines_, "");
  add_callbacks(handler, {"none"}, {}, {CallbackSpec::plugin("evil")}, registry, context_);
  EXPECT_SAYS(lines_, "keeps its state under the class Known, which is that of the plugin known (");
}

TEST_F(ReportTo, SomeJoinAlwaysWhenTheyAreAvailable) {
  tracker("tensorboard");
  tracker("kubeflow", "", "\"always\": true");
  tracker("other", "TRAINER_UNAVAILABLE", "\"always\": true");
  EXPECT_EQ(names({"none"}), "kubeflow");
  EXPECT_EQ(names({}), "kubeflow");
  EXPECT_EQ(names({"kubeflow", "tensorboard"}), "kubeflow tensorboard");
  EXPECT_EQ(names({"all"}), "tensorboard kubeflow");
}

TEST_F(ReportTo, APluginMayBeToldWhichCallbackToRun) {
  tracker("csv");
  compile(directory_.path() / "python.so", good("python", "\"config\": {\"callback\": {\"type\": \"string\"}}"));
  EXPECT_EQ(names({"python:mlflow", "csv", "python:a.b:C"}),
            "python:mlflow{\"callback\": \"mlflow\"} csv python:a.b:C{\"callback\": \"a.b:C\"}");
  EXPECT_SAYS(sentence_of([&] { names({"csv:mlflow"}); }), "has no setting \"callback\"");
  EXPECT_SAYS(sentence_of([&] { names({"pyton:mlflow"}); }), "did you mean \"python\"");
}

TEST_F(ReportTo, ATrackerThatIsNamedTwiceCountsOnce) {
  tracker("csv");
  tracker("mlflow");
  compile(directory_.path() / "python.so", good("python", "\"config\": {\"callback\": {\"type\": \"string\"}}"));
  EXPECT_EQ(names({"csv", "mlflow", "csv"}), "csv mlflow");
  EXPECT_EQ(names({"python:a.b:C", "python:a.b:C"}), "python:a.b:C{\"callback\": \"a.b:C\"}");
  lines_.clear();
  EXPECT_EQ(names({"python:mlflow", "csv", "mlflow"}), "python:mlflow{\"callback\": \"mlflow\"} csv");
  EXPECT_SAYS(lines_, "names \"python:mlflow\" and \"mlflow\"");
}

TEST_F(ReportTo, ATrackerThatCallbacksNameTwiceIsMadeOnce) {
  compile(
      directory_.path() / "csv.so",
      good("csv",
           "\"report_to\": \"csv\", \"config\": {\"path\": {\"type\": [\"string\", \"null\"], \"default\": null}}"));
  compile(directory_.path() / "python.so", good("python",
                                                "\"config\": {\"callback\": {\"type\": \"string\"}, "
                                                "\"environment\": {\"type\": \"object\", \"default\": {}}}"));
  const PluginRegistry registry({directory_.path()});
  TrainerState state;
  TrainerControl control;
  CallbackHandler handler(args_, state, control);
  add_callbacks(handler, {"csv", "python:mlflow", "python:wandb"}, {},
                {CallbackSpec::plugin("csv"), CallbackSpec::plugin("csv", {{"path", nullptr}}),
                 CallbackSpec::plugin("csv", {{"path", "other.csv"}}),
                 CallbackSpec::plugin("python", {{"environment", {{"A", "b"}}}, {"callback", "mlflow"}})},
                registry, context_);
  ASSERT_EQ(handler.entries().size(), 4u);
  EXPECT_EQ(handler.entries()[0]->name, "python:wandb");
}

TEST_F(ReportTo, ATrackerThatCallbacksNameIsMadeOnce) {
  tracker("csv");
  tracker("tensorboard");
  const PluginRegistry registry({directory_.path()});
  TrainerState state;
  TrainerControl control;
  CallbackHandler handler(args_, state, control);
  add_callbacks(handler, {"csv", "tensorboard"}, {}, {CallbackSpec::plugin("csv")}, registry, context_);
  ASSERT_EQ(handler.entries().size(), 2u);
  EXPECT_EQ(handler.entries()[0]->name, "tensorboard");
  EXPECT_EQ(handler.entries()[0]->on_error, OnError::disable);
  EXPECT_EQ(handler.entries()[1]->name, "csv");
  EXPECT_EQ(handler.entries()[1]->on_error, OnError::fail);
}

}  // namespace
