// SPDX-License-Identifier: Apache-2.0
#include "trainer/plugin_note.hpp"

#include <gtest/gtest.h>
#include <trainer/plugin.h>

#include <cstring>

#include "discovery/plugin_config.hpp"
#include "support/sentence_of.hpp"
#include "trainer/event_names.hpp"

using namespace trainer;
using plugin_builder::sentence_of;

namespace {

std::string section(std::string_view json,
                    trainer_note head = {TRAINER_NOTE_MAGIC, TRAINER_ABI_MAJOR, TRAINER_ABI_MINOR, 0, 0}) {
  if (head.json_size == 0) head.json_size = static_cast<std::uint32_t>(json.size());
  std::string bytes(sizeof head, '\0');
  std::memcpy(bytes.data(), &head, sizeof head);
  return bytes.append(json).append(5, '\0');
}

// A note with `config` as its schema.
PluginNote note_with(std::string_view config) {
  return parse_plugin_note(
      section(R"({"id": "p", "version": "1", "events": [], "config": )" + std::string(config) + "}"), "p.so");
}

json::object config_of(const PluginNote& note, const json::object& given, std::string_view where) {
  return resolve_config(note.config, note.id, given, where);
}

json::object object(std::string_view text) { return json::parse(text, "test").as_object(); }

const char* const full = R"({"id": "early_stopping", "version": "1.2.3",
  "description": "Stops early.", "report_to": "es", "class": "EarlyStoppingCallback",
  "events": ["on_evaluate", "on_init_end"],
  "config": {"patience": {"type": "integer", "default": 1, "minimum": 1},
             "threshold": {"type": ["number", "null"], "default": null},
             "mode": {"type": "string", "enum": ["min", "max"], "default": "min"},
             "path": {"type": "string"}}})";

TEST(EventNames, GoBothWays) {
  for (std::uint32_t kind = 0; kind < TRAINER_EVENT_COUNT; ++kind) EXPECT_EQ(event_from_name(event_name(kind)), kind);
  EXPECT_EQ(event_name(16), "");
  EXPECT_FALSE(event_from_name("on_nothing"));
}

TEST(PluginNote, ReadsEveryKey) {
  const auto note = parse_plugin_note(section(full), "p.so");
  EXPECT_EQ(note.id, "early_stopping");
  EXPECT_EQ(note.version, "1.2.3");
  EXPECT_EQ(note.description, "Stops early.");
  EXPECT_EQ(note.report_to, "es");
  EXPECT_EQ(note.class_name, "EarlyStoppingCallback");
  EXPECT_TRUE(note.has_event(TRAINER_ON_EVALUATE));
  EXPECT_EQ(note.events, 1u << TRAINER_ON_EVALUATE | 1u << TRAINER_ON_INIT_END);
  EXPECT_EQ(note.config.size(), 4u);
  EXPECT_EQ(note.json, full);
}

TEST(PluginNote, ClassIsTheIdByDefault) { EXPECT_EQ(note_with("{}").class_name, "p"); }

TEST(PluginNote, RefusesABadHead) {
  const std::string good = section(full);
  for (std::size_t size = 0; size < sizeof(trainer_note); ++size)
    EXPECT_SAYS(sentence_of([&] { parse_plugin_note(good.substr(0, size), "p.so"); }), "bytes");
  for (std::size_t size = sizeof(trainer_note); size < sizeof(trainer_note) + std::strlen(full); ++size)
    EXPECT_SAYS(sentence_of([&] { parse_plugin_note(good.substr(0, size), "p.so"); }), "cut short");
  auto wrong = good;
  wrong[3] = 'x';
  EXPECT_SAYS(sentence_of([&] { parse_plugin_note(wrong, "p.so"); }), TRAINER_NOTE_MAGIC);
  EXPECT_SAYS(sentence_of([&] { parse_plugin_note(good + "x", "p.so"); }), "goes on");
  trainer_note head = {TRAINER_NOTE_MAGIC, TRAINER_ABI_MAJOR, TRAINER_ABI_MINOR, 0, 7};
  EXPECT_SAYS(sentence_of([&] { parse_plugin_note(section(full, head), "p.so"); }), "reserved");
}

TEST(PluginNote, RefusesAnotherAbi) {
  const trainer_note major = {TRAINER_NOTE_MAGIC, 9, 0, 0, 0};
  // Its JSON is not looked at: another major may mean another kind of note.
  const auto sentence = sentence_of([&] { parse_plugin_note(section("?", major), "p.so"); });
  EXPECT_SAYS(sentence, "p.so");
  EXPECT_SAYS(sentence, "ABI 9.0");
  EXPECT_SAYS(sentence, "rebuild the plugin against SDK " + std::to_string(TRAINER_ABI_MAJOR) + "." +
                            std::to_string(TRAINER_ABI_MINOR));
  EXPECT_SAYS(sentence_of([] { require_compatible_abi(TRAINER_ABI_MAJOR, TRAINER_ABI_MINOR + 1, "p.so"); }), "rebuild");
  EXPECT_NO_THROW(require_compatible_abi(TRAINER_ABI_MAJOR, TRAINER_ABI_MINOR, "p.so"));
}

TEST(PluginNote, RefusesBadJson) {
  const struct {
    const char *json, *phrase;
  } cases[] = {
      {"{\"id\": ", "not valid JSON"},
      {"[1]", "expected a JSON object"},
      {R"({"version": "1", "events": []})", "no \"id\""},
      {R"({"id": "a", "events": []})", "no \"version\""},
      {R"({"id": "a", "version": "1"})", "no \"events\""},
      {R"({"id": "a", "id": "b", "version": "1", "events": []})", "twice"},
      {R"({"id": "My Plugin", "version": "1", "events": []})", "a-z"},
      {R"({"id": "", "version": "1", "events": []})", "empty"},
      {R"({"id": 7, "version": "1", "events": []})", "an integer"},
      {R"({"id": "a", "version": "1\u001b[2J", "events": []})", "control character"},
      {R"({"id": "a", "version": "1", "events": "on_log"})", "a list of names"},
      {R"({"id": "a", "version": "1", "events": ["on_logs"]})", "did you mean \"on_log\""},
      {R"({"id": "a", "version": "1", "events": [3]})", "unknown event 3"},
      {R"({"id": "a", "version": "1", "events": ["on_log", "on_log"]})", "twice"},
      {R"({"id": "a", "version": "1", "events": [], "reportto": "a"})", "\"report_to\""},
      {R"({"id": "a", "version": "1", "events": [], "report_to": "A B"})", "a-z"},
      {R"({"id": "a", "version": "1", "events": [], "report_to": "all"})", "something else in every run"},
      {R"({"id": "a", "version": "1", "events": [], "config": 1})", "\"config\""},
  };
  for (const auto& c : cases) {
    const auto sentence = sentence_of([&] { parse_plugin_note(section(c.json), "dir/p.so"); });
    EXPECT_SAYS(sentence, "dir/p.so");
    EXPECT_SAYS(sentence, c.phrase);
  }
  EXPECT_SAYS(sentence_of([&] {
                parse_plugin_note(section(R"({"id": ")" + std::string(65, 'a') + R"(", "version": "1", "events": []})"),
                                  "p.so");
              }),
              "1 to 64");
}

TEST(PluginNote, RefusesABadSchema) {
  const struct {
    const char *config, *phrase;
  } cases[] = {
      {R"({"k": 1})", "expected an object"},
      {R"({"k": {}})", "no \"type\""},
      {R"({"k": {"type": "int"}})", "unknown type \"int\""},
      {R"({"k": {"type": []}})", "at least one"},
      {R"({"k": {"type": ["integer", 1]}})", "unknown type 1"},
      {R"({"k": {"type": "integer", "defualt": 1}})", "did you mean \"default\""},
      {R"({"k": {"type": "integer", "default": "1"}})", "breaks its own rule"},
      {R"({"k": {"type": "integer", "default": 1.0}})", "breaks its own rule"},
      {R"({"k": {"type": "integer", "default": 0, "minimum": 1}})", "at least 1"},
      {R"({"k": {"type": "string", "minimum": 1}})", "not for a number"},
      {R"({"k": {"type": "integer", "maximum": "9"}})", "not for a number"},
      {R"({"k": {"type": "string", "enum": []}})", "list of values"},
      {R"({"k": {"type": "string", "enum": ["a", 1]}})", "in its \"enum\""},
      {R"({"k": {"type": "string", "enum": ["a"], "default": "b"}})", "expected one of"},
      {R"({"k": {"type": "string", "description": 1}})", "description"},
      {R"({"": {"type": "string"}})", "empty config key"},
  };
  for (const auto& c : cases) EXPECT_SAYS(sentence_of([&] { note_with(c.config); }), c.phrase);
}

TEST(ResolveConfig, FillsInDefaultsInTheSchemasOrder) {
  const auto note = parse_plugin_note(section(full), "p.so");
  const auto config = config_of(note, object(R"({"path": "x", "patience": 3})"), "run.json");
  EXPECT_EQ(json::dump(config), R"({"patience": 3, "threshold": null, "mode": "min", "path": "x"})");
}

TEST(ResolveConfig, KeepsAnIntegerForANumber) {
  const auto note = note_with(R"({"x": {"type": "number", "maximum": 2.5}})");
  EXPECT_TRUE(config_of(note, object(R"({"x": 2})"), "run.json").at("x").is_int64());
  EXPECT_TRUE(config_of(note, object(R"({"x": 2.0})"), "run.json").at("x").is_double());
}

TEST(ResolveConfig, SaysWhatIsWrong) {
  const auto note = parse_plugin_note(section(full), "p.so");
  const struct {
    const char *given, *phrase;
  } cases[] = {
      {R"({"path": "x", "paitence": 3})", "did you mean \"patience\""},
      {R"({"path": "x", "zzzzzzzzz": 3})", "takes patience, threshold, mode, path"},
      {R"({"path": "x", "patience": "3"})", "is a string (\"3\"), expected integer"},
      {R"({"path": "x", "patience": true})", "is a boolean"},
      {R"({"path": "x", "patience": 2.0})", "expected integer"},
      {R"({"path": "x", "patience": 0})", "expected at least 1"},
      {R"({"path": "x", "threshold": "a"})", "expected number or null"},
      {R"({"path": "x", "mode": "least"})", "expected one of [\"min\", \"max\"]"},
      {R"({"path": 12345})", "is an integer, expected string"},  // not shown: it may be a secret
      {R"({})", "needs the key \"path\" (string)"},
  };
  for (const auto& c : cases) {
    const auto sentence = sentence_of([&] { config_of(note, object(c.given), "run.json: callbacks[0].config"); });
    EXPECT_SAYS(sentence, "run.json: callbacks[0].config");
    EXPECT_SAYS(sentence, "early_stopping");
    EXPECT_SAYS(sentence, c.phrase);
  }
  EXPECT_SAYS(sentence_of([] { config_of(note_with("{}"), object(R"({"a": 1})"), "r"); }), "has no configuration");
  const auto ranged = note_with(R"({"x": {"type": "number", "maximum": 1}})");
  EXPECT_SAYS(sentence_of([&] { config_of(ranged, object(R"({"x": NaN})"), "r"); }), "at most");
}

}  // namespace
