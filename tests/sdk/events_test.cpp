// SPDX-License-Identifier: Apache-2.0
//
// Which events a class overrides is known to the compiler, whatever a class makes of its functions.
#include <gtest/gtest.h>

#include <trainer/sdk.hpp>

#include "support/fake_host.hpp"

namespace trainer {
namespace {

using sdk::overridden_events;
using sdk::TrainerCallback;

constexpr std::uint32_t step_end = 1u << TRAINER_ON_STEP_END, on_log = 1u << TRAINER_ON_LOG;

struct NothingOverridden : TrainerCallback {
  void on_steps_end(int) {}
};
struct PublicStep : TrainerCallback {
  void on_step_end(const Arguments&, const State&, Control&) override {}
};
class PrivateStep : public TrainerCallback {
  void on_step_end(const Arguments&, const State&, Control&) override {}
};
class ProtectedLog : public TrainerCallback {
 protected:
  void on_log(const Arguments&, const State&, Control&, Map&) override {}
};
struct InheritedStep : PrivateStep {};
class InheritedBoth : public PublicStep {
  void on_log(const Arguments&, const State&, Control&, Map&) noexcept override {}
};
class FinalClass final : public TrainerCallback {
  void on_step_end(const Arguments&, const State&, Control&) final {}
};
template <typename T>
struct OfTemplate : TrainerCallback {
  void on_log(const Arguments&, const State&, Control&, Map&) override {}
};
struct OverloadBeside : TrainerCallback {
  void on_log(const Arguments&, const State&, Control&, Map&) override {}
  void on_log(int) {}
};
struct OverloadOnly : TrainerCallback {
  using TrainerCallback::on_log;
  void on_log(int) {}
};
class PrivateOverloads : public TrainerCallback {
  void on_log(const Arguments&, const State&, Control&, Map&) override {}
  void on_log(int) {}
};

static_assert(overridden_events<NothingOverridden>() == 0);
static_assert(overridden_events<PublicStep>() == step_end);
static_assert(overridden_events<PrivateStep>() == step_end);
static_assert(overridden_events<ProtectedLog>() == on_log);
static_assert(overridden_events<InheritedStep>() == step_end);
static_assert(overridden_events<InheritedBoth>() == (step_end | on_log));
static_assert(overridden_events<FinalClass>() == step_end);
static_assert(overridden_events<OfTemplate<int>>() == on_log);
static_assert(overridden_events<OverloadBeside>() == on_log);
static_assert(overridden_events<OverloadOnly>() == 0);
static_assert(overridden_events<PrivateOverloads>() == on_log);

TEST(Events, SlotsStandInTheOrderOfTheirNumbers) {
  trainer_callback table{};
  const auto* first = reinterpret_cast<const char*>(&table.on_init_end);
  for (std::size_t kind = 0; kind < TRAINER_EVENT_COUNT; ++kind)
    EXPECT_EQ(reinterpret_cast<const char*>(&(table.*sdk::slots[kind])), first + kind * sizeof(trainer_slot)) << kind;
  EXPECT_EQ(sdk::slots[TRAINER_ON_LOG], &trainer_callback::on_log);
  EXPECT_EQ(sdk::slots[TRAINER_ON_PUSH_BEGIN], &trainer_callback::on_push_begin);
}

TEST(Events, ATrackerHasAnAvailableOfItsOwn) {
  struct Tracker : TrainerCallback {
    static void available(const sdk::Host&) { throw sdk::Unavailable("there is none"); }
  };
  struct Inherits : Tracker {};
  test::FakeHost host;
  EXPECT_EQ(sdk::plugin_table<PublicStep>().get_extension(TRAINER_EXT_TRACKER), nullptr);
  for (const trainer_plugin* table : {&sdk::plugin_table<Tracker>(), &sdk::plugin_table<Inherits>()}) {
    test::FakePlugin plugin(host, *table);
    EXPECT_EQ(plugin.available(), TRAINER_UNAVAILABLE);
    EXPECT_EQ(host.error, "there is none");
  }
}

TEST(Events, APrivateOverrideIsCalledAndNothingElseSubscribed) {
  static int calls;
  calls = 0;
  class Counting final : public TrainerCallback {
    void on_step_end(const Arguments&, const State& state, Control& control) override {
      calls += static_cast<int>(state.global_step);
      control.should_log = 1;
    }
  };
  test::FakeHost host;
  host.state.global_step = 7;
  test::FakePlugin plugin(host, sdk::plugin_table<Counting>());
  for (std::uint32_t kind = 0; kind < TRAINER_EVENT_COUNT; ++kind)
    EXPECT_EQ(plugin.table()->*sdk::slots[kind] != nullptr, kind == TRAINER_ON_STEP_END) << kind;
  EXPECT_EQ(plugin.fire(TRAINER_ON_STEP_END), TRAINER_OK);
  EXPECT_EQ(calls, 7);
  EXPECT_EQ(host.control.should_log, 1u);
}

}  // namespace
}  // namespace trainer
