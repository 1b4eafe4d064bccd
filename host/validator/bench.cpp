// SPDX-License-Identifier: Apache-2.0
//
// What an event costs: calls of the slot itself, with the map that a real host gives.
#include <algorithm>
#include <chrono>

#include "border/map_view.hpp"
#include "trainer/callback_handler.hpp"
#include "trainer/event_names.hpp"
#include "validator/catalogue.hpp"

namespace trainer::validator {
namespace {

using Clock = std::chrono::steady_clock;

double nanoseconds(Clock::duration time) { return std::chrono::duration<double, std::nano>(time).count(); }

class Bench {
 public:
  explicit Bench(Subject& subject) : it_(subject) {}

  Cost once(std::uint32_t kind) { return {std::string(event_name(kind)), nanoseconds(calls(kind, 1)), 1}; }

  Cost often(std::uint32_t kind) {
    constexpr double batch_ns = 1e6, most_ns = 5e8;
    std::uint64_t batch = 1, total = 0;
    double spent = 0, taken = nanoseconds(calls(kind, 1));
    for (; taken < batch_ns && batch < 1'000'000 && spent < most_ns; spent += taken) {
      batch *= 4;
      taken = nanoseconds(calls(kind, batch));
    }
    std::vector<double> each;
    for (; each.empty() || (each.size() < 31 && spent < most_ns); spent += taken, total += batch)
      each.push_back((taken = nanoseconds(calls(kind, batch))) / static_cast<double>(batch));
    std::nth_element(each.begin(), each.begin() + std::ssize(each) / 2, each.end());
    return {std::string(event_name(kind)) + (with_values(kind) ? ", ten values" : ""), each[each.size() / 2], total};
  }

  bool subscribed(std::uint32_t kind) const { return it_.subscribed(kind); }

 private:
  static bool with_values(std::uint32_t kind) {
    return kind == TRAINER_ON_LOG || kind == TRAINER_ON_EVALUATE || kind == TRAINER_ON_PREDICT;
  }

  Clock::duration calls(std::uint32_t kind, std::uint64_t count) {
    json::object values;
    const std::string prefix = kind == TRAINER_ON_LOG ? "" : kind == TRAINER_ON_PREDICT ? "test_" : "eval_";
    for (const char* name : {"loss", "grad_norm", "learning_rate", "a", "b", "c", "d", "e", "f", "epoch"})
      values[prefix + name] = 0.12345 * static_cast<double>(values.size() + 1);
    MapView map(&values, false);
    FakeHost& host = it_.host;
    trainer_event event{sizeof event,
                        kind,
                        &host.state,
                        &host.control,
                        with_values(kind) ? &map : nullptr,
                        TRAINER_EVENT_HAS_OPTIMIZER,
                        0,
                        -1,
                        -1};
    const trainer_slot slot = slot_of(*it_.table(), kind);
    host.error.clear();
    std::int32_t status = TRAINER_OK;
    const auto start = Clock::now();
    for (std::uint64_t i = 0; i < count && status == TRAINER_OK; ++i) {
      ++host.state.global_step;
      status = slot(it_.table(), &event);
    }
    const auto taken = Clock::now() - start;
    it_.check_status(status, std::string(event_name(kind)));
    return taken;
  }

  Instance it_;
};

}  // namespace

std::vector<Cost> measure(Subject& subject) {
  Bench bench(subject);
  std::vector<Cost> costs;
  const auto add = [&](std::uint32_t kind, auto method) {
    if (bench.subscribed(kind)) costs.push_back((bench.*method)(kind));
  };
  add(TRAINER_ON_INIT_END, &Bench::once);
  add(TRAINER_ON_TRAIN_BEGIN, &Bench::once);
  for (std::uint32_t kind = TRAINER_ON_EPOCH_BEGIN; kind < TRAINER_EVENT_COUNT; ++kind) add(kind, &Bench::often);
  add(TRAINER_ON_TRAIN_END, &Bench::once);
  return costs;
}

}  // namespace trainer::validator
