// SPDX-License-Identifier: Apache-2.0
//
// The note that the compiler puts together, and the table of a class that is compiled into a program.
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <trainer/sdk.hpp>

#undef TRAINER_PLUGIN_ENTRY  // each line here names its own

namespace trainer {
namespace {

// One that has no TRAINER_PLUGIN line.
class WeightNorm2 final : public sdk::TrainerCallback {
  void on_log(const Arguments&, const State&, Control&, Map&) override {}
  void on_push_begin(const Arguments&, const State&, Control&) override {}
};

class OfALine : public sdk::TrainerCallback {
 public:
  void on_log(const Arguments&, const State&, Control&, Map&) override {}
};

class OfAnotherLine : public sdk::TrainerCallback {
  void on_save(const Arguments&, const State&, Control&) override {}
};

}  // namespace
}  // namespace trainer

// clang-format off
#define TRAINER_PLUGIN_ENTRY of_a_line_plugin
TRAINER_PLUGIN(trainer::OfALine, {"id": "of-a-line", "version": "1.2"})
#undef TRAINER_PLUGIN_ENTRY
#define TRAINER_PLUGIN_ENTRY of_another_line_plugin
#define VERSION_OF_THE_OTHER "1"
TRAINER_PLUGIN(trainer::OfAnotherLine, {"id": "another", "version": VERSION_OF_THE_OTHER})
// clang-format on

namespace trainer {
namespace {

std::string with_events(std::string_view json, std::uint32_t events) {
  std::string note(sdk::note_size(json, events), '?');
  EXPECT_EQ(sdk::notes::compose(note.data(), json, events), note.size());
  return note;
}

std::string_view json_of(const trainer_plugin& plugin) {
  return {reinterpret_cast<const char*>(plugin.note + 1), plugin.note->json_size};
}

TEST(Note, GetsTheEventsThatItDoesNotName) {
  constexpr std::uint32_t two = 1u << TRAINER_ON_LOG | 1u << TRAINER_ON_INIT_END;
  EXPECT_EQ(with_events(R"({"id": "a"})", two), R"({"id": "a", "events": ["on_init_end", "on_log"]})");
  EXPECT_EQ(with_events("{\n  \"id\": \"a\"\n}\n", two),
            "{\n  \"id\": \"a\", \"events\": [\"on_init_end\", \"on_log\"]\n}\n");
  EXPECT_EQ(with_events(R"({"id": "a"})", 0), R"({"id": "a", "events": []})");
  EXPECT_EQ(with_events("{ }", 0), R"({"events": [] })");
}

TEST(Note, KeepsTheEventsThatItNames) {
  for (const char* json : {R"({"events": [], "id": "a"})", R"({"id": "a", "events" : ["on_log"]})"})
    EXPECT_EQ(with_events(json, 1), json);
}

TEST(Note, LooksForTheKeyAndForNothingLikeIt) {
  for (const char* json : {R"({"config": {"events": {"type": "string"}}})", R"({"description": "\"events\": none"})",
                           R"({"description": "events"})", R"({"a": ["events"]})"})
    EXPECT_NE(with_events(json, 1).find(R"(, "events": ["on_init_end"]})"), std::string::npos) << json;
}

TEST(Note, WhatIsNoObjectStaysForTheHostToRefuse) {
  for (const char* json : {"", "[]", "}", "\"x", "{", "\\"}) EXPECT_EQ(with_events(json, 1), json);
}

TEST(PluginTable, IsThatOfTheLine) {
  EXPECT_EQ(&sdk::plugin_table<OfALine>(), of_a_line_plugin());
  EXPECT_EQ(json_of(sdk::plugin_table<OfALine>()), R"({"id": "of-a-line", "version": "1.2", "events": ["on_log"]})");
  EXPECT_EQ(&sdk::plugin_table<OfAnotherLine>(), of_another_line_plugin()) << "two in one program, and a macro";
  EXPECT_EQ(json_of(sdk::plugin_table<OfAnotherLine>()), R"({"id": "another", "version": "1", "events": ["on_save"]})");
}

TEST(PluginTable, OfAClassWithoutALineIsMadeOfItsNameAndOverrides) {
  const trainer_plugin& table = sdk::plugin_table<WeightNorm2>();
  EXPECT_EQ(json_of(table), R"({"id": "weight_norm2", "version": "0", "class": "WeightNorm2", )"
                            R"("events": ["on_log", "on_push_begin"]})");
  EXPECT_EQ(&table, &sdk::plugin_table<WeightNorm2>());
  EXPECT_EQ(table.abi_minor, 0u) << "the SDK asks a host for what came later";
}

}  // namespace
}  // namespace trainer
