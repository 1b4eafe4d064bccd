// SPDX-License-Identifier: Apache-2.0
//
// The state in checkpoints (ext/state.h).
#include <cmath>
#include <limits>

#include "border/abi_sizes.hpp"
#include "validator/catalogue.hpp"
#include "validator/runs.hpp"

namespace trainer::validator {
namespace {

const trainer_ext_state& state_of(Instance& instance) {
  const auto* state = instance.extension<trainer_ext_state>(TRAINER_EXT_STATE);
  if (!state) throw Skip("the plugin keeps no state in checkpoints");
  if (!has_least_size(*state) || !state->save || !state->load)
    throw Failure("its " TRAINER_EXT_STATE " is too small or lacks save or load");
  return *state;
}

void save(Instance& instance, Row& args, Row& attributes) {
  FakeMap a(args), b(attributes);
  instance.host.error.clear();
  instance.check_status(state_of(instance).save(instance.table(), a.table(), b.table()), "save");
}

void load(Instance& instance, const Row& attributes) {
  FakeMap map(attributes);
  instance.host.error.clear();
  instance.check_status(state_of(instance).load(instance.table(), map.table()), "load");
}

std::string text_of(const Row& row) {
  std::string out;
  for (const auto& [key, cell] : row) {
    sdk::testing::append_json(out, key), out += ": ";
    sdk::testing::append_json(out, cell), out += "\n";
  }
  return out;
}

json::object config_of(const Row& args) {
  std::string text;
  for (const auto& [key, cell] : args) {
    text += text.empty() ? "{" : ", ";
    sdk::testing::append_json(text, key), text += ": ", sdk::testing::append_json(text, cell);
  }
  return json::parse(text.empty() ? "{}" : text + "}", "the state's args").as_object();
}

// Some events on which the state may depend.
void train_a_little(Instance& instance) {
  instance.fire(TRAINER_ON_INIT_END);
  instance.fire(TRAINER_ON_TRAIN_BEGIN);
  for (int step = 1; step < 4; ++step) {
    instance.host.state.global_step = step;
    instance.fire(TRAINER_ON_STEP_END);
    instance.fire(TRAINER_ON_LOG, step_logs(step));
    instance.fire(TRAINER_ON_EVALUATE, metrics("eval", -step));
  }
}

void round_trip(Subject& subject) {
  try {
    Instance one(subject);
    state_of(one);
    train_a_little(one);
    Row args, attributes, args_again, attributes_again;
    save(one, args, attributes);
    Row args_twice, attributes_twice;
    save(one, args_twice, attributes_twice);
    if (text_of(args) + text_of(attributes) != text_of(args_twice) + text_of(attributes_twice))
      throw Failure("saving twice gave two states, expected the same");
    Instance two(subject, subject.config(config_of(args)));
    load(two, attributes);
    save(two, args_again, attributes_again);
    if (text_of(args) != text_of(args_again) || text_of(attributes) != text_of(attributes_again))
      throw Failure("what was loaded is saved differently: " + text_of(attributes_again) + " expected " +
                    text_of(attributes));
    subject.detail = std::to_string(args.size()) + " args, " + std::to_string(attributes.size()) + " attributes";
  } catch (const Refused&) {
    subject.require_accepted();
    throw Failure("the plugin refused its own state: " + subject.refusal);
  }
}

Cell odd_cell(Random& random) {
  switch (random() % 8) {
    case 0:
      return Cell();
    case 1:
      return Cell(random() % 2 == 0);
    case 2:
      return Cell(std::numeric_limits<std::int64_t>::min());
    case 3:
      return Cell(std::nan(""));
    case 4:
      return Cell(std::string(random() % 5000, 'z'));
    case 5:
      return sdk::testing::json_cell("[1, {\"a\": null}]");
    case 6:
      return sdk::testing::json_cell("{}");
    default:
      return Cell(static_cast<std::int64_t>(random()));
  }
}

// A state that is another version's or damaged: taken or refused, and the instance works on.
void load_and_go_on(Subject& subject, const Row& attributes) {
  try {
    Instance instance(subject);
    try {
      load(instance, attributes);
    } catch (const Refused&) {
    }
    train_a_little(instance);
  } catch (const Refused&) {
  } catch (const Failure& e) {
    throw Failure(std::string(e.what()) + "; the state was " + text_of(attributes).substr(0, 400));
  }
}

void damaged(Subject& subject) {
  Row args, attributes;
  try {
    Instance instance(subject);
    state_of(instance);
    train_a_little(instance);
    save(instance, args, attributes);
  } catch (const Refused&) {
    subject.require_accepted();
  }
  Random random(subject.options().seed);
  for (std::size_t size = 0; size < attributes.size(); ++size)  // cut short
    load_and_go_on(subject, Row(attributes.begin(), attributes.begin() + static_cast<std::ptrdiff_t>(size)));
  Row more = attributes;
  more.emplace_back("a key of a newer version", Cell("text"));
  load_and_go_on(subject, more);
  int done = 0;
  for (; done < 200 && (done < 2 || subject.time_left()); ++done) {
    Row changed = attributes;
    if (changed.empty() || random() % 4 == 0) changed.emplace_back("odd", odd_cell(random));
    changed[random() % changed.size()].second = odd_cell(random);
    load_and_go_on(subject, changed);
  }
  subject.detail = std::to_string(attributes.size() + 1 + static_cast<std::size_t>(done)) + " states";
}

}  // namespace

Entries state_tests() {
  return {
      {{"state.round-trip", "a saved state, loaded into a new instance, is saved the same", 30}, round_trip},
      {{"state.damaged", "takes or refuses a state that is cut short, odd, or another version's", 60}, damaged},
  };
}

}  // namespace trainer::validator
