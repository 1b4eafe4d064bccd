// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "base/process.hpp"
#include "isolation/words.hpp"
#include "trainer/error.hpp"
#include "trainer/isolation.hpp"
#include "trainer/run_file.hpp"

namespace trainer {
namespace {

std::string refusal(const char* text) {
  try {
    parse_isolation(json::parse(text, "test"), "run.json.callbacks[0].isolation");
  } catch (const Error& e) {
    return e.what();
  }
  return "(taken)";
}

TEST(Isolation, IsAWordOrAnObject) {
  EXPECT_EQ(parse_isolation("process", ""), Isolation{});
  EXPECT_FALSE(parse_isolation("none", "").process);
  const json::value given = json::parse(
      R"({"in": "process", "wait": true, "timeout": 5, "shutdown_timeout": 2.5, "memory": "2 GB", "cpu_seconds": 600,
          "network": false, "processes": 64})",
      "test");
  const Isolation all{.wait = true,
                      .timeout = 5,
                      .shutdown_timeout = 2.5,
                      .memory = 2000000000,
                      .cpu_seconds = 600,
                      .network = false,
                      .processes = 64};
  EXPECT_EQ(parse_isolation(given, ""), all);
  EXPECT_EQ(parse_isolation(to_json(all), ""), all);
  EXPECT_EQ(to_json(Isolation{}), json::value("process"));
  EXPECT_EQ(parse_isolation(json::parse(R"({"memory": "1.5GiB"})", "test"), "").memory, 1610612736u);
  const Isolation alone = parse_isolation(json::parse(R"({"processes": 0})", "test"), "");
  EXPECT_EQ(alone.processes, 0u);
  EXPECT_EQ(parse_isolation(to_json(alone), ""), alone);
}

TEST(Isolation, IsTheSameInTheEnvironment) {
  const auto given = [](const char* text) {
    set_variable("TRAINER_PLUGIN_ISOLATION", text);
    return isolation_of_environment();
  };
  EXPECT_EQ(given("process"), Isolation{});
  EXPECT_EQ(given(R"({"in": "process", "timeout": 3})"), Isolation{.timeout = 3});
  for (const char* wrong : {"yes", R"({"in": )", R"({"timout": 3})"}) EXPECT_THROW(given(wrong), Error) << wrong;
  EXPECT_EQ(given(""), std::nullopt);
}

TEST(Isolation, SaysWhatIsWrongWithIt) {
  using testing::HasSubstr;
  EXPECT_THAT(refusal("\"thread\""),
              HasSubstr("isolation is \"thread\", expected \"process\", \"none\", or an object"));
  EXPECT_THAT(refusal("true"), HasSubstr("is true, expected \"process\""));
  EXPECT_THAT(refusal(R"({"memery": 1})"), HasSubstr("did you mean \"memory\"?"));
  EXPECT_THAT(refusal(R"({"memory": "2 XB"})"),
              HasSubstr("isolation.memory is \"2 XB\", expected an amount of memory"));
  for (const char* little : {"2", "\"1 KB\"", "\"31 MB\""})
    EXPECT_THAT(refusal((R"({"memory": )" + std::string(little) + "}").c_str()), HasSubstr("from \"32 MB\" to"));
  for (const char* seconds : {"0", "1e-9"})
    EXPECT_THAT(refusal((R"({"timeout": )" + std::string(seconds) + "}").c_str()),
                HasSubstr("expected seconds from 0.01 to 1000000"));
  EXPECT_THAT(refusal(R"({"processes": -1})"), HasSubstr("expected a whole number from 0 to 4194304"));
  EXPECT_THAT(refusal(R"({"cpu_seconds": 1e30})"), HasSubstr("expected a whole number from 1 to 1000000000"));
  EXPECT_THAT(refusal(R"({"network": "no"})"), HasSubstr("expected true or false [isolation.invalid]"));
}

TEST(Isolation, StandsInReportTo) {
  TrackerSettings settings{.on_error = OnError::restart, .isolation = Isolation{}};
  EXPECT_EQ(json::dump(tracker_json("mlflow", settings)),
            R"({"name": "mlflow", "isolation": "process", "on_error": "restart"})");
}

TEST(Isolation, SaysHowAProcessEnded) {
  using isolation::how_it_ended;
  using testing::HasSubstr;
  EXPECT_EQ(how_it_ended("signal 11", {}), "its process ended with signal 11");
  EXPECT_EQ(how_it_ended("", {}), "it ended its process itself, with exit status 0");
  EXPECT_EQ(how_it_ended("signal 24", {.cpu_seconds = 5}),
            "its process ended with signal 24, perhaps because its 5 s of processor time were used up "
            "(\"cpu_seconds\")");
  // The ends of Windows: the limit of a job, and what comes of an allocation that failed.
  EXPECT_THAT(how_it_ended("exit status 1816", {.cpu_seconds = 5}),
              HasSubstr("its 5 s of processor time were used up"));
  EXPECT_EQ(how_it_ended("exit status 1816", {}), "its process ended with exit status 1816");
  for (const char* how : {"signal 11", "exit status 1", "exit status 3", "exception 0xC0000005 (access violation)"})
    EXPECT_THAT(how_it_ended(how, {.memory = 64000000}), HasSubstr("perhaps because it needs more than its 64 MB"));
  EXPECT_EQ(isolation::seconds_text(60), "60 s");
  EXPECT_EQ(isolation::seconds_text(0.25), "0.25 s");
}

}  // namespace
}  // namespace trainer
