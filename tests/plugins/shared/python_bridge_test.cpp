// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <limits>

#include "child/frames.hpp"
#include "plugins/shared/python_bridge/event_names.hpp"
#include "plugins/shared/python_bridge/interpreter.hpp"
#include "plugins/shared/python_bridge/json_text.hpp"
#include "plugins/shared/python_bridge/messages.hpp"
#include "support/fake_host.hpp"
#include "support/variable.hpp"

namespace trainer::plugins {
namespace {

TEST(Messages, AreObjectsOrTheEnd) {
  child::Pair pair = child::make_socket_pair();
  Messages ours(std::move(pair.ours), 1u << 20,
                [](const boost::json::object& message) { return message.contains("log"); });
  const auto come = [&](std::string_view body) {
    std::string bytes;
    child::append_frame(bytes, body);
    child::send_some(pair.theirs.get(), bytes.data(), bytes.size());
  };
  come("{\"log\":\"seen elsewhere\"}");
  come("{\"answer\":5}");
  const auto message = ours.receive(10);
  ASSERT_TRUE(message);
  EXPECT_EQ(message->at("answer").to_number<int>(), 5);
  come("[1, 2");
  EXPECT_FALSE(ours.receive(10));
  EXPECT_TRUE(ours.gone()) << "something that is no message ends it";
}

template <typename T>
std::string json(const T& value) {
  std::string out;
  append_json(out, value);
  return out;
}

TEST(JsonText, IsWhatPythonReads) {
  EXPECT_EQ(json(std::string_view("a\"\\\n\x01\xC3\xA9")), "\"a\\\"\\\\\\u000a\\u0001\xC3\xA9\"");
  EXPECT_EQ(json(0.1), "0.1");
  EXPECT_EQ(json(1.0), "1.0");
  EXPECT_EQ(json(std::nan("")), "NaN");
  EXPECT_EQ(json(-std::numeric_limits<double>::infinity()), "-Infinity");
  const test::Row row = {{"loss", test::Cell(0.5)},        {"n", test::Cell(3)},
                         {"on", test::Cell(true)},         {"text", test::Cell("x")},
                         {"list", test::json_cell("[1]")}, {"none", test::Cell()}};
  test::FakeMap map(row);
  EXPECT_EQ(json(sdk::Map(map.table())),
            "{\"loss\":0.5,\"n\":3,\"on\":true,\"text\":\"x\",\"list\":[1],\"none\":null}");
}

TEST(JsonText, AStateHasWhatIsPresent) {
  trainer_state state{};
  state.struct_size = sizeof state;
  state.epoch = 1.5;
  state.logging_steps = 10;
  state.best_metric = 0.25;
  std::string text = json(state);
  EXPECT_NE(text.find("\"epoch\":1.5,"), text.npos) << text;
  EXPECT_NE(text.find("\"logging_steps\":10,"), text.npos) << text;
  EXPECT_EQ(text.find("best_metric"), text.npos) << text;
  state.present = TRAINER_STATE_HAS_BEST_METRIC;
  EXPECT_NE(json(state).find("\"best_metric\":0.25"), text.npos);
  trainer_control control{};
  control.should_save = 1;
  EXPECT_EQ(json(control), "[0,0,1,0,0]");
}

TEST(StateNumbers, AreIntsAndFloatsAsTheHostHasThem) {
  test::FakeHost fake;
  const sdk::Host host(fake.table());
  fake.state.present = TRAINER_STATE_HAS_BEST_METRIC;
  fake.state.best_metric = 3, fake.state.logging_steps = fake.state.eval_steps = fake.state.save_steps = 5;
  fake.state_json = "{\n  \"best_metric\": 3,\n  \"epoch\": 0,\n  \"eval_steps\": 5.0,\n  \"logging_steps\": 5\n}\n";
  StateNumbers numbers;
  const auto shown = [&] {
    numbers.look(host, fake.state);
    std::string text;
    append_json(text, fake.state, numbers);
    return text;
  };
  for (const char* part : {"\"epoch\":0,", "\"best_metric\":3}", "\"eval_steps\":5.0,", "\"save_steps\":5,"})
    EXPECT_NE(shown().find(part), std::string::npos) << part << " in " << shown();
  fake.state.epoch = 1, fake.state.best_metric = 2;
  fake.state_json = "{\n  \"best_metric\": 2.0,\n  \"save_steps\": 5\n}\n";
  EXPECT_NE(shown().find("\"epoch\":1.0,"), std::string::npos) << shown();
  EXPECT_NE(shown().find("\"best_metric\":2.0}"), std::string::npos) << shown();
  fake.state_json = "not asked for what is known";
  fake.state.epoch = 2;
  EXPECT_NE(shown().find("\"best_metric\":2.0}"), std::string::npos) << shown();
}

TEST(Interpreter, IsTheConfiguredOneThenTheVariableThenTheEnvironments) {
  const test::Variable none("TRAINER_PYTHON", nullptr), without("VIRTUAL_ENV", nullptr);
  EXPECT_EQ(choose_python(""), usual_python);
  const test::Variable gone("VIRTUAL_ENV", "/no/such/environment");
  EXPECT_EQ(choose_python(""), usual_python) << "an environment that is gone";
  const test::Variable named("TRAINER_PYTHON", "/opt/python");
  EXPECT_EQ(choose_python(""), "/opt/python");
  EXPECT_EQ(choose_python("mine"), "mine");
}

TEST(Interpreter, SeesNothingOfALauncher) {
  const test::Variable rank("RANK", "1"), elastic("TORCHELASTIC_RUN_ID", "x"), other("RANKING", "kept");
  bool kept = false;
  for (const std::string& line : child_environment()) {
    EXPECT_NE(line.rfind("RANK=", 0), 0u);
    EXPECT_NE(line.rfind("TORCHELASTIC_", 0), 0u);
    kept = kept || line == "RANKING=kept";
  }
  EXPECT_TRUE(kept);
}

TEST(EventNames, EachHasItsBit) {
  EXPECT_EQ(event_bit("on_log"), 1u << TRAINER_ON_LOG);
  EXPECT_EQ(event_bit("on_push_begin"), 1u << TRAINER_ON_PUSH_BEGIN);
  EXPECT_EQ(event_bit("on_lunch"), 0u);
}

}  // namespace
}  // namespace trainer::plugins
