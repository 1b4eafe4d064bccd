// SPDX-License-Identifier: Apache-2.0
//
// What a plugin leaves behind in the process.
#include <chrono>
#include <thread>

#include "validator/catalogue.hpp"
#include "validator/effects.hpp"
#include "validator/runs.hpp"

namespace trainer::validator {
namespace {

void loading(Subject& subject) {
  const auto before = surroundings();
  subject.plugin();
  const auto left = difference(before, surroundings());
  if (!left.empty()) throw Failure("loading it changed the process: " + left + "; expected no trace");
}

void running(Subject& subject) {
  subject.plugin();
  // Twice, since what is made once for the process (a table of the C library's) is no leak.
  for (int round = 0; round < 2; ++round) {
    const auto before = surroundings();
    const int threads = thread_count();
    try {
      Instance instance(subject);
      Run run;
      run.predict = true;
      play(instance, run);
    } catch (const Refused&) {
    }
    // A thread that destroy told to end may need a moment.
    for (int i = 0; i < 200 && (thread_count() > threads || !difference(before, surroundings()).empty()); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    auto left = difference(before, surroundings());
    if (thread_count() > threads)
      left += (left.empty() ? "" : "; ") + std::to_string(thread_count() - threads) +
              " threads run on after destroy, expected them to have ended";
    if (left.empty()) return subject.require_accepted();
    if (round == 1 || left.find("is new") == left.npos)
      throw Failure("a run changed the process: " + left + "; expected no trace after destroy");
  }
}

}  // namespace

Entries effect_tests() {
  return {
      {{"effects.load", "loading leaves signals, locale, directory, umask, environment, files as they are", 20},
       loading},
      {{"effects.run", "so does a whole run, and no thread is left", 60}, running},
  };
}

}  // namespace trainer::validator
