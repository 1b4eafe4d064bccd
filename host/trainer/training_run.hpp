// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <optional>
#include <vector>

#include "trainer/data_loader.hpp"
#include "trainer/loss_sum.hpp"
#include "trainer/stopwatch.hpp"
#include "trainer/trainer_state.hpp"

namespace trainer {

/// What one train() counts. Steps are those of the state, which a resumed run goes on from.
class TrainingRun {
 public:
  TrainingRun(at::Device device, const TrainerState& begin)
      : initial_global_step_(begin.global_step),
        initial_num_input_tokens_seen_(begin.num_input_tokens_seen),
        last_logged_step_(begin.global_step),
        loss_(device) {}

  /// The next `size` micro-batches, or what is left of them; waiting for them is timed.
  void next_window(DataLoader& loader, std::int64_t size, std::vector<Batch>& window) {
    window.clear();
    for (std::int64_t i = 0; i < size; ++i) {
      const Stopwatch wait;
      auto batch = loader.next();
      data_seconds_ += wait.seconds();
      if (!batch) break;
      window.push_back(std::move(*batch));
    }
    window_size_ = std::ssize(window);
  }
  std::int64_t window_size() const { return window_size_; }  ///< of the last window

  /// A micro-batch's loss; `global_step` is the number of steps before it.
  void add_loss(const at::Tensor& loss, bool filter, std::int64_t global_step) {
    loss_.add(loss, filter, global_step - last_logged_step_, global_step + 1);
  }
  /// The first step with a loss that is NaN or infinite, once. Without `wait` a GPU's is known only later.
  std::optional<std::int64_t> take_bad_step(bool wait) {
    if (told_bad_step_) return std::nullopt;
    const auto step = loss_.bad_step(wait);
    told_bad_step_ = step.has_value();
    return step;
  }
  std::int64_t last_logged_step() const { return last_logged_step_; }
  /// Mean loss of the steps since the last log, which `global_step` is from now on. `of_ranks` makes the mean over the
  /// ranks of this one's sum.
  template <typename F>
  double take_mean_loss(std::int64_t global_step, const F& of_ranks) {
    const double loss = of_ranks(loss_.value());
    loss_.clear();
    total_loss_ += loss;
    return loss / static_cast<double>(global_step - std::exchange(last_logged_step_, global_step));
  }

  /// Ends the run; the mean loss of its steps. Since the last log it is this rank's own, as in transformers.
  double finish(std::int64_t global_step) {
    total_loss_ += loss_.value();
    seconds_ = seconds_since_start();
    return total_loss_ / std::max(static_cast<double>(steps(global_step)), 0.001);
  }
  std::int64_t steps(std::int64_t global_step) const { return global_step - initial_global_step_; }
  std::int64_t initial_num_input_tokens_seen() const { return initial_num_input_tokens_seen_; }
  double seconds_since_start() const { return since_start_.seconds(); }
  double seconds() const { return seconds_; }  ///< 0 before the end
  double data_seconds() const { return data_seconds_; }

  /// The epoch's last update, as its logs have it.
  struct Update {
    at::Tensor grad_norm;
    std::optional<Number> learning_rate;
  };
  Update last_update;

 private:
  std::int64_t initial_global_step_, initial_num_input_tokens_seen_, last_logged_step_;
  std::int64_t window_size_ = 1;
  LossSum loss_;
  bool told_bad_step_ = false;
  double total_loss_ = 0, seconds_ = 0, data_seconds_ = 0;
  Stopwatch since_start_;
};

}  // namespace trainer
