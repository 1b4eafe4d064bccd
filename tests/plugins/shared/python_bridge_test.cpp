// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <system_error>
#include <thread>

#include "plugins/shared/python_bridge/connection.hpp"
#include "plugins/shared/python_bridge/event_names.hpp"
#include "plugins/shared/python_bridge/frames.hpp"
#include "plugins/shared/python_bridge/interpreter.hpp"
#include "plugins/shared/python_bridge/json_text.hpp"
#include "plugins/shared/python_bridge/system.hpp"
#include "support/fake_host.hpp"
#include "support/variable.hpp"

namespace trainer::plugins {
namespace {

TEST(Frames, ComeOutWholeHoweverTheBytesArrive) {
  std::string bytes;
  const std::vector<std::string> sent = {"{}", "", std::string(70000, 'x'), "{\"a\":1}"};
  for (const std::string& body : sent) append_frame(bytes, body);
  EXPECT_EQ(bytes.substr(0, 6), std::string("\2\0\0\0{}", 6));
  for (const std::size_t step : {std::size_t{1}, std::size_t{3}, std::size_t{4096}, bytes.size()}) {
    FrameReader reader;
    std::vector<std::string> got;
    for (std::size_t at = 0; at < bytes.size(); at += step) {
      reader.feed(std::string_view(bytes).substr(at, step));
      for (std::string body; reader.next(body);) got.push_back(body);
    }
    EXPECT_EQ(got, sent) << step;
  }
}

TEST(Frames, AnImpossibleLengthIsNotWaitedFor) {
  FrameReader reader;
  std::string body;
  reader.feed("\xFF\xFF\xFF\x7F");
  EXPECT_THROW(reader.next(body), std::length_error);
}

TEST(Outbox, GivesEverythingAtOnceAndInOrder) {
  Outbox outbox(1000);
  EXPECT_TRUE(outbox.push("one"));
  EXPECT_TRUE(outbox.push("two"));
  std::string bytes, expected;
  append_frame(expected, "one");
  append_frame(expected, "two");
  EXPECT_TRUE(outbox.take(bytes));
  EXPECT_EQ(bytes, expected);
  bytes.clear();
  EXPECT_FALSE(outbox.take(bytes));
}

TEST(Outbox, RefusesWhatIsTooMuchAndCountsIt) {
  Outbox outbox(100);
  EXPECT_TRUE(outbox.push(std::string(90, 'x')));
  EXPECT_FALSE(outbox.push(std::string(90, 'y')));
  EXPECT_TRUE(outbox.push(std::string(90, 'z'), true)) << "what must go is kept";
  EXPECT_EQ(outbox.refused(), 1u);
  std::string bytes;
  EXPECT_TRUE(outbox.take(bytes));
  EXPECT_EQ(bytes.size(), 2 * 94u);
  EXPECT_TRUE(outbox.push(std::string(90, 'y'))) << "there is room again";
}

class BothEnds : public testing::Test {
 protected:
  BothEnds() {
    Pair pair = make_socket_pair();
    theirs = std::move(pair.theirs);
    ours = std::make_unique<Connection>(std::move(pair.ours), 1u << 20,
                                        [](const boost::json::object& message) { return message.contains("log"); });
  }
  std::string read_frame() {
    FrameReader reader;
    std::string body;
    while (!reader.next(body)) {
      char bytes[4096];
      const auto n = receive_some(theirs.get(), bytes, sizeof bytes);
      if (n == 0) return "end of file";
      if (n > 0) reader.feed({bytes, static_cast<std::size_t>(n)});
    }
    return body;
  }
  void write_frame(std::string_view body) {
    std::string bytes;
    append_frame(bytes, body);
    for (std::size_t sent = 0; sent < bytes.size();) {
      const auto n = send_some(theirs.get(), bytes.data() + sent, bytes.size() - sent);
      if (n > 0) sent += static_cast<std::size_t>(n);
    }
  }
  Descriptor theirs;
  std::unique_ptr<Connection> ours;
};

TEST_F(BothEnds, MessagesGoBothWays) {
  EXPECT_TRUE(ours->send("{\"a\":1}"));
  EXPECT_EQ(read_frame(), "{\"a\":1}");
  write_frame("{\"log\":\"seen elsewhere\"}");
  write_frame("{\"answer\":5}");
  const auto message = ours->receive(10);
  ASSERT_TRUE(message);
  EXPECT_EQ(message->at("answer").to_number<int>(), 5);
}

TEST_F(BothEnds, AReceiverThatWaitsIsToldOfTheEnd) {
  std::thread closer([this] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    theirs.close();
  });
  EXPECT_FALSE(ours->receive(60));
  EXPECT_TRUE(ours->gone());
  closer.join();
}

TEST_F(BothEnds, TimePassesWithoutAnAnswer) {
  EXPECT_FALSE(ours->receive(0.05));
  EXPECT_FALSE(ours->gone());
}

TEST_F(BothEnds, SendingNeverWaitsForTheOtherSide) {
  const std::string body(1000, ' ');
  std::size_t kept = 0;
  while (ours->send(body) && kept < 100000) ++kept;
  EXPECT_GE(kept, 1000u) << "about what the limit allows";
  EXPECT_LT(kept, 100000u) << "nobody reads";
  EXPECT_GE(ours->refused(), 1u);
}

TEST_F(BothEnds, SomethingThatIsNoMessageEndsIt) {
  write_frame("[1, 2");
  EXPECT_FALSE(ours->receive(10));
  EXPECT_TRUE(ours->gone());
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

#if !defined(_WIN32)  // which has other programs; windows.python_bridge starts one
TEST(Process, TellsHowItEnded) {
  Process good({"true"});
  EXPECT_EQ(good.wait(30), "");
  Process bad({"sh", "-c", "exit 3"});
  EXPECT_EQ(bad.wait(30), "exit status 3");
  Process slow({"sleep", "600"});
  EXPECT_EQ(slow.wait(0.05), std::nullopt);
  slow.kill();
  EXPECT_EQ(slow.ended(), "signal 9");
  EXPECT_THROW(Process({"/no/such/program"}), std::system_error);
}

TEST(Process, GetsTheSocketAsDescriptorThree) {
  Process child({"sh", "-c", "echo hello >&3"});
  const Descriptor stream = child.connection(30);
  EXPECT_EQ(child.wait(30), "");
  char bytes[16];
  EXPECT_EQ(receive_some(stream.get(), bytes, sizeof bytes), 6);
}
#endif

}  // namespace
}  // namespace trainer::plugins
