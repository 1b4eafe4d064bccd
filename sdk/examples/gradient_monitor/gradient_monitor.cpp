// SPDX-License-Identifier: Apache-2.0
//
// Watches the gradients: the norm of each parameter's goes into the logs, and the first NaN is told with its name.
#include <algorithm>
#include <string>
#include <trainer/sdk.hpp>
#include <utility>
#include <vector>

class GradientMonitor : public trainer::sdk::TrainerCallback {
 public:
  explicit GradientMonitor(const trainer::sdk::Host& host) : host_(host) {}

 private:
  void on_train_begin(const Arguments& args, const State&, Control&) override {
    // Of a stream nobody knows the length; then each of `steps` is measured.
    const std::int64_t batches = train_dataloader_size(), per_epoch = host_.config("per_epoch").integer();
    const std::int64_t updates = batches / std::max<std::int64_t>(args["gradient_accumulation_steps"].integer(), 1);
    every_ = batches < 0 ? host_.config("steps").integer() : std::max<std::int64_t>(updates / per_epoch, 1);
  }

  // They are whole and clipped here.
  void on_pre_optimizer_step(const Arguments&, const State& state, Control&) override {
    if ((state.global_step + 1) % every_ != 0) return;
    norms_.clear();
    for (const trainer::sdk::Tensor& gradient : host_.gradients()) {
      const trainer::sdk::Norms norms = gradient.norms();
      norms_.emplace_back("grad_norm/" + std::string(gradient.name()), norms.l2);
      if (norms.nan_count == 0 || std::exchange(told_, true)) continue;
      host_.warning("the gradient of " + std::string(gradient.name()) + " has " + std::to_string(norms.nan_count) +
                    " NaN of " + std::to_string(gradient.size()) + " elements in step " +
                    std::to_string(state.global_step + 1) + "; later ones are not told");
    }
  }

  void on_log(const Arguments&, const State&, Control&, Map& logs) override {
    if (!logs.get("loss")) return;  // an evaluation's
    for (const auto& [key, norm] : norms_) logs.set(key, norm);
    norms_.clear();
  }

  trainer::sdk::Host host_;
  std::int64_t every_ = 1;
  std::vector<std::pair<std::string, double>> norms_;  // since the last log
  bool told_ = false;
};

// clang-format off
TRAINER_PLUGIN(GradientMonitor, {
  "id": "gradient_monitor",
  "version": "1.0.0",
  "description": "Puts the norms of the gradients into the logs.",
  "config": {
    "per_epoch": {"type": "integer", "default": 10, "minimum": 1, "description": "how often in an epoch it measures"},
    "steps": {"type": "integer", "default": 100, "minimum": 1, "description": "after how many steps, of a stream"}
  }
})
// clang-format on
