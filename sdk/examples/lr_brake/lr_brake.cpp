// SPDX-License-Identifier: Apache-2.0
//
// Brakes while the loss is far above its best: every step then goes with a part of the schedule's learning rate.
#include <stdexcept>
#include <string>
#include <trainer/sdk.hpp>

class LrBrake : public trainer::sdk::TrainerCallback {
 public:
  explicit LrBrake(const trainer::sdk::Host& host) : host_(host) {}

 private:
  void on_train_begin(const Arguments& args, const State&, Control&) override {
    // These go on from the rate that they find, so that the brake would pull at its own rate again and again.
    const std::string schedule(args["lr_scheduler_type"].text());
    if (schedule == "reduce_lr_on_plateau" || schedule == "greedy")
      throw std::runtime_error("lr_brake works with schedules that each step drives, but lr_scheduler_type is " +
                               schedule);
  }

  // A schedule that each step drives has set the rates anew since the last update.
  void on_step_begin(const Arguments&, const State&, Control&) override {
    const auto optimizer = braking_ ? host_.optimizer() : std::nullopt;
    if (!optimizer) return;
    for (std::uint64_t group = 0; group < optimizer->size(); ++group)
      optimizer->set_lr(group, optimizer->lr(group) * host_.config("part").number());
  }

  void on_log(const Arguments&, const State& state, Control&, Map& logs) override {
    const auto value = logs.get("loss");
    if (!value) return;
    const double loss = value->number();
    const bool brakes = best_ > 0 && !(loss < best_ * host_.config("above").number());
    if (brakes != braking_)
      host_.info((brakes ? "brakes after step " : "lets go after step ") + std::to_string(state.global_step));
    braking_ = brakes;
    if (best_ == 0 || loss < best_) best_ = loss;
  }

  trainer::sdk::Host host_;
  double best_ = 0;  // none yet
  bool braking_ = false;
};

// clang-format off
TRAINER_PLUGIN(LrBrake, {
  "id": "lr_brake",
  "version": "1.0.0",
  "description": "Lowers the learning rate while the loss is far above its best.",
  "config": {
    "above": {"type": "number", "default": 2.0, "minimum": 1, "description": "how many times the best loss is too much"},
    "part": {"type": "number", "default": 0.1, "minimum": 0, "maximum": 1, "description": "of the schedule's rate"}
  }
})
// clang-format on
