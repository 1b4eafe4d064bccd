// SPDX-License-Identifier: Apache-2.0
#include "border/plugin_call.hpp"

#include <gtest/gtest.h>

#include <stdexcept>
#include <thread>

using namespace trainer;

namespace {

std::string now() {
  const Moment& at = moment();
  return at.callback == 0 ? "nobody"
                          : std::string(moments.name_of(at.callback)) + " in " + std::string(name_of_call(at.call));
}

TEST(PluginCall, SaysWhoIsAskedForWhat) {
  EXPECT_EQ(now(), "nobody");
  const std::uint64_t before = moment().number;
  std::string within, inner;
  std::uint64_t number = 0, after_inner = 0;
  call_plugin({"outer", Call::create, "plugin outer "}, [&] {
    within = now();
    number = moment().number;
    inner = call_plugin({"inner", Call::line, "plugin inner "}, now);
    after_inner = moment().number;
  });
  EXPECT_EQ(within, "outer in create");
  EXPECT_EQ(inner, "inner in trainer.console/1 line");
  EXPECT_NE(number, before);
  EXPECT_EQ(after_inner, number) << "the same call goes on";
  EXPECT_EQ(now(), "nobody");
  EXPECT_EQ(name_of_call(TRAINER_ON_LOG), "on_log");
}

TEST(PluginCall, EachThreadHasItsOwn) {
  std::string there;
  call_plugin({"here", Call::destroy, ""}, [&] { std::thread([&] { there = now(); }).join(); });
  EXPECT_EQ(there, "nobody");
  std::vector<std::thread> many;
  for (int i = 0; i < 40; ++i)
    many.emplace_back(
        [] { call_plugin({"x", Call::line, ""}, [] { EXPECT_EQ(now(), "x in trainer.console/1 line"); }); });
  for (auto& thread : many) thread.join();
}

TEST(PluginCall, AnExceptionIsAnErrorThatNamesThePlugin) {
  const auto sentence = [](Call call, ErrorKind kind, auto thrown) -> std::string {
    try {
      call_plugin({"p", call, "plugin p (/p.so) ", kind}, [&]() -> int { throw thrown; });
    } catch (const Error& e) {
      EXPECT_EQ(e.kind(), kind);
      EXPECT_STREQ(e.id().text, "plugin.threw");
      EXPECT_EQ(now(), "nobody");
      return e.sentence();
    }
    return "";
  };
  EXPECT_EQ(sentence(Call::create, ErrorKind::usage, std::runtime_error("no")),
            "plugin p (/p.so) threw an exception in create: no; a plugin must catch its own and return TRAINER_ERROR");
  EXPECT_EQ(sentence(Call::save, ErrorKind::run, 5),
            "plugin p (/p.so) threw an exception in trainer.state/1 save; a plugin must catch its own");
}

TEST(PluginCall, NamesAreKnownOnceAndCut) {
  EXPECT_EQ(known_name("twice"), known_name("twice"));
  const std::string long_name(1000, 'n');
  EXPECT_EQ(moments.name_of(known_name(long_name)), std::string(Moments::longest_name, 'n'));
  EXPECT_EQ(moments.name_of(0), "(without a name)");
  EXPECT_EQ(moments.name_of(4711), "(without a name)");
}

}  // namespace
