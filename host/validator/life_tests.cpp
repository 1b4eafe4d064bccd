// SPDX-License-Identifier: Apache-2.0
//
// Making and ending instances.
#include "validator/catalogue.hpp"
#include "validator/runs.hpp"

namespace trainer::validator {
namespace {

constexpr int many = 500;

void created(Subject& subject) {
  try {
    Instance instance(subject);
  } catch (const Refused&) {
    subject.require_accepted();
  }
}

void created_many_times(Subject& subject) {
  int done = 0;
  try {
    for (; done < many && (done < 2 || subject.time_left()); ++done) Instance instance(subject);
  } catch (const Refused& e) {
    if (done > 0) throw Failure("instance " + std::to_string(done + 1) + " was refused: " + e.what());
    subject.require_accepted();
  }
  subject.detail = std::to_string(done) + " instances";
}

// Two at once, with their events interleaved, and ended in either order.
void two_at_once(Subject& subject) {
  for (const bool first_goes_first : {true, false}) {
    try {
      auto one = std::make_unique<Instance>(subject);
      auto two = std::make_unique<Instance>(subject);
      if (one->table() == two->table() && one->table()->data != nullptr)
        throw Failure("two instances have the same table and data, expected one each");
      for (const auto kind : {TRAINER_ON_INIT_END, TRAINER_ON_TRAIN_BEGIN, TRAINER_ON_EPOCH_BEGIN,
                              TRAINER_ON_STEP_BEGIN, TRAINER_ON_STEP_END, TRAINER_ON_LOG, TRAINER_ON_EPOCH_END})
        for (auto* instance : {one.get(), two.get()})
          instance->fire(kind, kind == TRAINER_ON_LOG ? step_logs(1) : Row{});
      (first_goes_first ? one : two).reset();
      auto& left = first_goes_first ? two : one;
      left->fire(TRAINER_ON_LOG, summary());
      left->fire(TRAINER_ON_TRAIN_END);
    } catch (const Refused&) {
    }
  }
  subject.require_accepted();
}

}  // namespace

Entries life_tests() {
  return {
      {{"create.once", "makes an instance whose slots are the note's events, and ends it", 30}, created},
      {{"create.many", "makes and ends instances many times", 60}, created_many_times},
      {{"create.two", "two instances at once keep apart", 60}, two_at_once},
  };
}

}  // namespace trainer::validator
