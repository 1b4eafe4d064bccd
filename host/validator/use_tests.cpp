// SPDX-License-Identifier: Apache-2.0
//
// What no good host does, and a plugin survives: it works on, or answers TRAINER_ERROR with a sentence.
#include <trainer/ext/checkpoint.h>
#include <trainer/ext/console.h>
#include <trainer/ext/optimizer.h>
#include <trainer/ext/outcome.h>
#include <trainer/ext/ranks.h>
#include <trainer/ext/results.h>
#include <trainer/ext/state.h>
#include <trainer/ext/tracker.h>

#include <cstring>

#include "border/abi_sizes.hpp"
#include "trainer/event_names.hpp"
#include "validator/catalogue.hpp"
#include "validator/runs.hpp"

namespace trainer::validator {
namespace {

void out_of_order(Subject& subject) {
  const std::vector<std::vector<std::uint32_t>> orders{
      {TRAINER_ON_TRAIN_END},
      {TRAINER_ON_LOG, TRAINER_ON_EVALUATE, TRAINER_ON_SAVE},
      {TRAINER_ON_STEP_END, TRAINER_ON_STEP_BEGIN, TRAINER_ON_EPOCH_END},
      {TRAINER_ON_TRAIN_BEGIN, TRAINER_ON_TRAIN_BEGIN, TRAINER_ON_TRAIN_END, TRAINER_ON_TRAIN_END},
      {TRAINER_ON_TRAIN_BEGIN, TRAINER_ON_TRAIN_END, TRAINER_ON_LOG, TRAINER_ON_STEP_END, TRAINER_ON_SAVE},
      {TRAINER_ON_INIT_END, TRAINER_ON_INIT_END, TRAINER_ON_PREDICTION_STEP, TRAINER_ON_PUSH_BEGIN},
      {},
  };
  for (const auto& order : orders) try {
      Instance instance(subject);
      for (const auto kind : order) try {
          instance.fire(kind, step_logs(1));
        } catch (const Refused&) {
        }
    } catch (const Refused&) {
    }
  Random random(subject.options().seed);
  for (int i = 0; i < 50 && (i < 2 || subject.time_left()); ++i) try {
      Instance instance(subject);
      for (int k = 0; k < 40; ++k)
        instance.fire(static_cast<std::uint32_t>(random() % TRAINER_EVENT_COUNT), step_logs(k));
    } catch (const Refused&) {
    }
  subject.require_accepted();
}

void unknown_extensions(Subject& subject) {
  const auto ask = [](auto&& get, const std::string& who) {
    for (const std::string id : {"", "trainer.nothing/1", "trainer.state/999", "trainer.tracker", "\xff", "%s%n"})
      if (get(id.c_str())) throw Failure(who + " gave an extension for the unknown id \"" + id + "\", expected null");
    if (get(std::string(10'000, 'x').c_str())) throw Failure(who + " gave an extension for a long unknown id");
    for (const char* id : {TRAINER_EXT_STATE, TRAINER_EXT_CONSOLE, TRAINER_EXT_TRACKER, TRAINER_EXT_RANKS,
                           TRAINER_EXT_RESULTS, TRAINER_EXT_OUTCOME, TRAINER_EXT_CHECKPOINT}) {
      const auto* first = get(id);
      if (first != get(id)) throw Failure(who + " changed its answer for " + id + ", expected the same each time");
      std::uint32_t size = 0;
      if (first) std::memcpy(&size, first, sizeof size);
      if (first && size < 2 * sizeof size + sizeof(void*))
        throw Failure(who + " gave a " + id + " with a struct_size of " + std::to_string(size));
    }
  };
  const trainer_plugin& plugin = subject.plugin();
  if (plugin.get_extension) ask([&](const char* id) { return plugin.get_extension(id); }, "the plugin");
  try {
    Instance instance(subject);
    if (auto* table = instance.table(); table->get_extension)
      ask([&](const char* id) { return table->get_extension(table, id); }, "the instance");
  } catch (const Refused&) {
    subject.require_accepted();
  }
}

// A host that has nothing: no argument, no extension, no model configuration. Functions that fail make
// the SDK's wrappers throw, which must not get out.
void bare_host(Subject& subject) {
  const auto strip = [](FakeHost& host) {
    host.arguments.clear(), host.arguments_json = "{}", host.model_config_json.clear();
    host.offered.clear(), host.tensors.clear();
  };
  try {
    Instance instance(subject);
    for (std::uint32_t kind = 0; kind < TRAINER_EVENT_COUNT; ++kind) {
      strip(instance.host);
      try {
        instance.fire(kind, step_logs(1));
      } catch (const Refused&) {
      }
    }
  } catch (const Refused&) {
  }
  subject.require_accepted();
}

// A tracker says whether it can work, without an instance.
void tracker(Subject& subject) {
  const trainer_plugin& plugin = subject.plugin();
  const auto* tracker = static_cast<const trainer_ext_tracker*>(
      plugin.get_extension ? plugin.get_extension(TRAINER_EXT_TRACKER) : nullptr);
  if (!tracker) throw Skip("the plugin does not say whether it is available");
  if (subject.file().note.report_to.empty())
    throw Failure("it offers " TRAINER_EXT_TRACKER " and its note has no \"report_to\"");
  FakeHost host;
  subject.prepare(host, {});
  const std::int32_t status = tracker->available(host.table());
  if (status != TRAINER_OK && status != TRAINER_UNAVAILABLE && status != TRAINER_NOT_CONFIGURED &&
      status != TRAINER_ERROR)
    throw Failure("available returned " + std::to_string(status) + ", expected 0, 1, 3 or 4");
  if (status != TRAINER_OK && host.error.empty())
    throw Failure("available returned " + std::to_string(status) + " without a reason, expected set_error before");
  subject.detail = status == TRAINER_OK ? "available" : "not available: " + host.error;
}

// A run on four processes, two on each of two machines, in the last of those that the plugin names.
void ranks(Subject& subject) {
  const trainer_plugin& plugin = subject.plugin();
  const auto* ranks =
      static_cast<const trainer_ext_ranks*>(plugin.get_extension ? plugin.get_extension(TRAINER_EXT_RANKS) : nullptr);
  if (ranks && !has_least_size(*ranks))
    throw Failure("it gave a " TRAINER_EXT_RANKS " with a struct_size of " + std::to_string(ranks->struct_size));
  if (ranks && ranks->where > TRAINER_RANKS_LOCAL_ZERO)
    throw Failure("it says that it runs in " + std::to_string(ranks->where) +
                  ", expected 0, 1 or 2 (TRAINER_RANKS_...)");
  if (ranks && (ranks->reserved != 0 || ranks->reserved2 != 0))
    throw Failure("a reserved field of its " TRAINER_EXT_RANKS " is not 0");
  const std::uint32_t where = ranks ? ranks->where : TRAINER_RANKS_ALL;
  const std::uint32_t rank = where == TRAINER_RANKS_ALL ? 3 : where == TRAINER_RANKS_LOCAL_ZERO ? 2 : 0;
  subject.process = {sizeof subject.process, 0, rank, 4, rank % 2, 2, rank / 2, 0};
  try {
    Instance instance(subject);
    play(instance, Run{});
  } catch (const Refused&) {
  }
  subject.require_accepted();
  subject.detail = "as rank " + std::to_string(rank) + " of 4";
}

// Optimizers of no, one and many groups: what the plugin sets must be a rate, and of a group that is there.
void optimizer(Subject& subject) {
  std::uint64_t set = 0;
  bool asked = false;
  for (const std::size_t groups : {2, 0, 1, 50}) {
    Instance instance(subject);
    FakeHost& host = instance.host;
    host.param_groups.clear();
    for (std::size_t i = 0; i < groups; ++i)
      host.param_groups.push_back({0.5, 1, 0.01, {"group " + std::to_string(i) + ".weight"}});
    const auto before = host.param_groups;
    Run run;
    if (subject.options().isolated) {
      host.asked.clear();  // by the trainer's half, which asks again when the plugin does
      run.twice = true;    // nobody waits for a tracker, until it is known to ask
    }
    play(instance, run);
    asked |= host.asked.count(TRAINER_EXT_OPTIMIZER) != 0;
    if (!host.refused_lr.empty())
      throw Failure("it set a rate that a host refuses, of " + std::to_string(groups) + " groups: " + host.refused_lr);
    for (std::size_t i = 0; i < groups; ++i) set += host.param_groups[i].lr != before[i].lr;
  }
  subject.require_accepted();
  if (!asked) throw Skip("the plugin does not use " TRAINER_EXT_OPTIMIZER);
  subject.detail = "set " + std::to_string(set) + " rates";
}

}  // namespace

Entries use_tests() {
  return {
      {{"use.out-of-order", "events in orders that no run has", 60}, out_of_order},
      {{"use.extensions", "answers unknown extensions with null, known ones always the same", 20}, unknown_extensions},
      {{"use.bare-host", "a host without arguments and extensions", 30}, bare_host},
      {{"use.tracker", "says with a reason whether it is available", 30}, tracker},
      {{"use.ranks", "says where it runs, and runs there as one process of four", 30}, ranks},
      {{"use.optimizer", "sets no rate that is none, and none of a group that is not there", 30}, optimizer},
  };
}

}  // namespace trainer::validator
