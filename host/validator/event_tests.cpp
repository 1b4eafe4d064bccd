// SPDX-License-Identifier: Apache-2.0
//
// Events in the orders that a trainer gives, and how they lie in memory.
#include <algorithm>
#include <chrono>
#include <cmath>

#include "trainer/event_names.hpp"
#include "validator/catalogue.hpp"
#include "validator/runs.hpp"

namespace trainer::validator {
namespace {

constexpr int random_runs = 300;

// One run; a refusal ends it, as in a host that disables the plugin then.
void play_one(Subject& subject, const Run& run, Placement placement = Placement::plain) {
  try {
    Instance instance(subject, placement);
    play(instance, run);
  } catch (const Refused&) {
  }
}

std::string so_many(Subject& subject, std::size_t done, std::size_t of) {
  return std::to_string(done) + " of " + std::to_string(of) + " runs, " + std::to_string(subject.accepted) + " calls" +
         (subject.refused ? ", " + std::to_string(subject.refused) + " refused: " + subject.refusal : "");
}

void one_run(Subject& subject) {
  Run run;
  run.predict = run.push = true, run.accumulation = 2;
  play_one(subject, run);
  subject.require_accepted();
  subject.detail = so_many(subject, 1, 1);
}

void all_orders(Subject& subject) {
  auto runs = all_runs();
  // In an order that shows some of everything also when a slow plugin leaves no time for all.
  std::mt19937_64 shuffle(subject.options().seed);
  std::shuffle(runs.begin(), runs.end(), shuffle);
  std::size_t done = 0;
  for (; done < runs.size() && (done < 2 || subject.time_left()); ++done) {
    play_one(subject, runs[done]);
    if (done == 1) subject.require_accepted();
  }
  subject.detail = so_many(subject, done, runs.size());
}

void random_orders(Subject& subject) {
  Random random(subject.options().seed);
  int done = 0;
  for (; done < random_runs && (done < 2 || subject.time_left()); ++done) {
    play_one(subject, random_run(random));
    if (done == 1) subject.require_accepted();
  }
  subject.detail = so_many(subject, static_cast<std::size_t>(done), random_runs);
}

// Refused in this placement only: the plugin minds where the structs lie, or how large they are.
void require_same_answer(Subject& subject) {
  if (subject.refused == 0) return;
  const std::string refusal = subject.refusal;
  const auto refused = subject.refused;
  Run run;
  play_one(subject, run);
  if (subject.refused == refused)
    throw Failure("it takes events whose structs are of its own size, and refuses these: " + refusal);
}

void placed(Subject& subject, Placement placement) {
  Run run;
  run.predict = run.push = true, run.accumulation = 2;
  play_one(subject, run, placement);
  Run failing;
  failing.finishes = false;
  play_one(subject, failing, placement);
  require_same_answer(subject);
  subject.require_accepted();
}
void guarded(Subject& subject) { placed(subject, Placement::guarded); }
void smaller(Subject& subject) {
  if (subject.file().note.abi_minor > 0)
    throw Skip("the plugin needs the minor " + std::to_string(subject.file().note.abi_minor) + " of the contract");
  placed(subject, Placement::smaller);
}
void larger(Subject& subject) { placed(subject, Placement::larger); }

// The median time of each event; a step must not wait for a plugin.
void time_of_events(Subject& subject) {
  constexpr double limit_ms = 100;
  try {
    Instance instance(subject);
    instance.fire(TRAINER_ON_INIT_END);
    instance.fire(TRAINER_ON_TRAIN_BEGIN);
    for (const auto kind : {TRAINER_ON_STEP_BEGIN, TRAINER_ON_PRE_OPTIMIZER_STEP, TRAINER_ON_OPTIMIZER_STEP,
                            TRAINER_ON_STEP_END, TRAINER_ON_LOG, TRAINER_ON_PREDICTION_STEP}) {
      if (!instance.subscribed(kind)) continue;
      std::vector<double> taken;
      for (int i = 0; i < 200 && (i < 3 || subject.time_left()); ++i) {
        Row logs = kind == TRAINER_ON_LOG ? step_logs(++instance.host.state.global_step) : Row{};
        const auto start = std::chrono::steady_clock::now();
        instance.fire(kind, std::move(logs));
        taken.push_back(std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count());
      }
      std::nth_element(taken.begin(), taken.begin() + std::ssize(taken) / 2, taken.end());
      const double median = taken[taken.size() / 2];
      subject.detail += (subject.detail.empty() ? "" : ", ") + std::string(event_name(kind)) + " " +
                        json::dump(std::round(median * 1e6) / 1e6) + " ms";
      if (median > limit_ms)
        throw Failure(std::string(event_name(kind)) + " takes " + json::dump(median) +
                      " ms, expected less than 100 ms; do slow work in a thread of the plugin's own");
    }
    instance.fire(TRAINER_ON_TRAIN_END);
  } catch (const Refused&) {
  }
  subject.require_accepted();
}

}  // namespace

Entries event_tests() {
  return {
      {{"events.run", "a whole run with all sixteen events", 30}, one_run},
      {{"events.orders", "every order of events that a run can have", 60}, all_orders},
      {{"events.random", "random legal orders", 60}, random_orders},
      {{"events.time", "no event of a step takes long", 60}, time_of_events},
      {{"structs.guarded", "reads no struct past its end, keeps no pointer after return", 30}, guarded},
      {{"structs.smaller", "takes the smaller structs of a host of the first minor", 30}, smaller},
      {{"structs.larger", "takes the larger structs of a newer host", 30}, larger},
  };
}

}  // namespace trainer::validator
