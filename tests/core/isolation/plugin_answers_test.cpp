// SPDX-License-Identifier: Apache-2.0
#include "isolation/plugin_answers.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <string>

#include "isolation/host_services.hpp"
#include "isolation/plugin_mail.hpp"

namespace trainer::isolation {
namespace {

using Write = std::function<void(Writer&)>;

constexpr std::uint64_t without_end = std::numeric_limits<std::uint64_t>::max();

std::string bytes_of(const Write& write) {
  std::string bytes;
  Writer out(bytes);
  write(out);
  return bytes;
}

template <typename Read>
auto read(Read function, const Write& write) {
  const std::string bytes = bytes_of(write);
  Reader in(bytes);
  return function(in);
}

void put_created(Writer& out, std::string_view name) {
  out.text(name);
  for (int i = 0; i < 6; ++i) out.put(std::uint32_t{1});
}

TEST(Answers, OfCreateHaveAName) {
  const Created created = read(read_created, [](Writer& out) { put_created(out, "Csv"); });
  EXPECT_EQ(created.class_name, "Csv");
  EXPECT_TRUE(created.stateful && created.listens && created.waits && created.keeps_files && created.has_results &&
              created.hears_outcome);
  for (const std::string& name : {std::string(), std::string("\xff"), std::string(1025, 'x')})
    EXPECT_THROW(read(read_created, [&](Writer& out) { put_created(out, name); }), BadBytes);
  EXPECT_THROW(read(read_created, [](Writer& out) { out.put(without_end); }), BadBytes);
  EXPECT_THROW(read(read_created,
                    [](Writer& out) {
                      put_created(out, "Csv");
                      out.put('x');
                    }),
               BadBytes);
}

TEST(Answers, OfAnEventAreWholeOrRefused) {
  const auto answer = [](const Failure& failure, const Write& values) {
    return bytes_of([&](Writer& out) {
      failure.put(out);
      for (std::uint32_t flag = 0; flag < control_flags.size(); ++flag) out.put(flag);
      out.put(std::uint32_t{1});
      values(out);
    });
  };
  const std::string good = answer({.kind = Failure::status, .event = 3, .step = 7, .code = 1, .reason = "why"},
                                  [](Writer& out) { out.object({{"loss", 0.5}, {"name", "\xc3\xa4"}}); });
  Reader in(good);
  const EventAnswer taken = read_event_answer(in);
  EXPECT_EQ(taken.failure.reason, "why");
  EXPECT_EQ(taken.flags[4], 4u);
  EXPECT_EQ(json::dump(*taken.values), "{\"loss\": 0.5, \"name\": \"\\u00e4\"}");
  for (std::size_t size = 0; size < good.size(); ++size) {
    Reader cut(std::string_view(good).substr(0, size));
    EXPECT_THROW(read_event_answer(cut), BadBytes) << size;
  }
  const std::string kind = answer({.kind = static_cast<Failure::Kind>(77)}, [](Writer& out) { out.object({}); });
  const std::string count = answer({}, [](Writer& out) { out.put(without_end); });
  const std::string text = answer({}, [](Writer& out) { out.object({{"name", "\xff"}}); });
  const std::string key = answer({}, [](Writer& out) { out.object({{"\xff", 1}}); });
  for (const std::string* bad : {&kind, &count, &text, &key}) {
    Reader wrong(*bad);
    EXPECT_THROW(read_event_answer(wrong), BadBytes);
  }
}

TEST(Answers, OfAStateHaveItsTwoParts) {
  const auto state_of = [](const char* text) {
    return read(read_state, [&](Writer& out) { out.object(json::parse(text, "test").get_object()); });
  };
  EXPECT_EQ(state_of(R"({"args": {}, "attributes": {"count": 1}})").size(), 2u);
  EXPECT_THROW(state_of(R"({"args": {}})"), BadBytes);
  EXPECT_THROW(state_of(R"({"args": {}, "attributes": 1})"), BadBytes);
}

TEST(Answers, HaveNumbersThatThereAre) {
  const auto number = [](std::uint32_t n) {
    return [n](Writer& out) {
      out.put(n);
      out.text("");
    };
  };
  EXPECT_EQ(read(read_availability, number(2)).use, Availability::no);
  EXPECT_THROW(read(read_availability, number(3)), BadBytes);
  EXPECT_THROW(read(read_runs_on, [](Writer& out) { out.put(std::uint32_t{3}); }), BadBytes);
  EXPECT_EQ(read(read_runs_on, [](Writer& out) { out.put(std::uint32_t{1}); }), RunsOn::world_zero);
}

TEST(Answers, OfResultsAreForPeople) {
  const auto results = [](std::uint64_t count, std::string_view place) {
    return read([](Reader& in) { return read_results(in, "csv", "plugin csv "); },
                [&](Writer& out) {
                  out.put(count);
                  out.text("table"), out.text(place), out.text("");
                });
  };
  EXPECT_EQ(results(1, "https://example.org/runs/1").at(0).label, "table");
  EXPECT_THROW(results(17, "https://example.org/runs/1"), BadBytes);
  EXPECT_THROW(results(2, "https://example.org/runs/1"), BadBytes);
  EXPECT_THROW(results(1, "https://example.org/\n[error] all is lost"), Error);
}

TEST(Answers, OfARefusalHaveAnIdOfOurs) {
  const auto error_of = [](std::uint32_t kind, std::string_view id) {
    return read([](Reader& in) { return read_error(in, "plugin csv could not be created"); },
                [&](Writer& out) {
                  out.put(kind);
                  out.text(id), out.text("it cannot\nbe");
                });
  };
  EXPECT_STREQ(error_of(1, "plugin.create-failed").what(), "it cannot\\nbe [plugin.create-failed]");
  EXPECT_EQ(error_of(1, "plugin.create-failed").kind(), ErrorKind::usage);
  EXPECT_STREQ(error_of(2, "run.failed").what(), "plugin csv could not be created: it cannot\\nbe [run.failed]");
  for (const char* id : {"", "a b", "a]\n"}) EXPECT_THROW(error_of(0, id), BadBytes) << id;
  EXPECT_THROW(error_of(3, "run.failed"), BadBytes);
}

TEST(PluginMail, TakesOnlyWhatAProcessSends) {
  PluginMail mail;
  EXPECT_FALSE(mail.hear("the greeting, whatever it says"));
  const auto hear = [&](Message message, const Write& rest) {
    return mail.hear(bytes_of([&](Writer& out) {
      out.put(message);
      rest(out);
    }));
  };
  const auto nothing = [](Writer&) {};
  EXPECT_TRUE(hear(Message::failed, [](Writer& out) { Failure{.kind = Failure::threw, .reason = "first"}.put(out); }));
  EXPECT_TRUE(hear(Message::failed, [](Writer& out) { Failure{.kind = Failure::threw, .reason = "second"}.put(out); }));
  EXPECT_EQ(mail.take_failure()->reason, "first");
  EXPECT_FALSE(mail.take_failure());
  EXPECT_THROW(hear(Message::state, [](Writer& out) { out.object({{"args", 1}}); }), BadBytes);
  EXPECT_TRUE(mail.last_state().empty());
  EXPECT_FALSE(hear(Message::answer, nothing));
  for (const Message other : {Message::question, Message::reply, static_cast<Message>(0), static_cast<Message>(99)})
    EXPECT_THROW(hear(other, nothing), BadBytes);
  EXPECT_THROW(mail.hear("abc"), BadBytes);
}

TEST(PluginMail, KeepsNoMoreAnswersThanCanBeAskedFor) {
  PluginMail mail;
  std::string large;
  Writer(large).put(Message::answer);
  large.resize(most_waiting_bytes / 2 + 1);
  EXPECT_FALSE(mail.hear("the greeting"));
  mail.taken(12);
  EXPECT_FALSE(mail.hear(large));
  EXPECT_THROW(mail.hear(large), BadBytes);
  mail.taken(2 * large.size());
  large.resize(most_waiting_bytes + 1);
  EXPECT_FALSE(mail.hear(large)) << "one may be of any size";
}

struct Groups final : ParamGroupSource {
  std::uint64_t count() override { return 1; }
  bool at(std::uint64_t index, trainer_param_group&) override { return index == 0; }
  bool parameter(std::uint64_t, std::uint64_t, trainer_text&) override { return false; }
  bool set_lr(std::uint64_t group, double lr) override {
    rate = lr;
    return group == 0;
  }
  double rate = 1;
};

TEST(HostServices, SetOnlyRatesThatAre) {
  Groups groups;
  HostContext context;
  context.param_groups = &groups;
  HostServices services(context);
  const auto set = [&](double rate, bool within_event) {
    std::string answer;
    services.answer(bytes_of([&](Writer& out) { out.put(Request::set_lr), out.put(std::uint64_t{0}), out.put(rate); }),
                    within_event, answer);
    return Reader(answer).get<std::uint32_t>() != 0;
  };
  EXPECT_FALSE(set(std::numeric_limits<double>::quiet_NaN(), true));
  EXPECT_FALSE(set(std::numeric_limits<double>::infinity(), true));
  EXPECT_FALSE(set(-0.5, true));
  EXPECT_FALSE(set(0.25, false)) << "between events";
  EXPECT_EQ(groups.rate, 1);
  EXPECT_TRUE(set(0.5, true));
  EXPECT_EQ(groups.rate, 0.5);
}

TEST(HostServices, RefuseWhatIsNoRequest) {
  HostContext context;
  HostServices services(context);
  std::string answer;
  EXPECT_THROW(services.answer("", true, answer), BadBytes);
  EXPECT_THROW(services.answer(bytes_of([](Writer& out) { out.put(std::uint32_t{99}); }), true, answer), BadBytes);
  EXPECT_THROW(services.answer(bytes_of([](Writer& out) { out.put(Request::tensor); }), true, answer), BadBytes);
}

}  // namespace
}  // namespace trainer::isolation
