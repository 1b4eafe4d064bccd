// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <stdexcept>
#include <trainer/trainer.hpp>
#include <vector>

/// Looks for a learning rate: in a run of args.max_steps steps each step has a higher one, from `first` to `last` in
/// equal factors, and each loss is kept, until the smooth loss is four times its least. Afterwards the weights are
/// those from before. Small batches make noise: give it large ones.
class LRFinder : public trainer::TrainerCallback {
 public:
  LRFinder(double first, double last) : first_(first), last_(last) {}

  struct Point {
    double rate, loss;
    double smooth;  ///< the mean of the losses so far, the later ones with more weight
  };
  const std::vector<Point>& points() const { return points_; }

  /// The rate at which the smooth loss falls most steeply; none when it never falls.
  std::optional<double> suggestion() const {
    std::optional<double> best;
    double steepest = 0;
    for (std::size_t i = 1; i + 1 < points_.size(); ++i) {
      const double slope =
          points_[i + 1].smooth - points_[i - 1].smooth;  // the factor between the rates is one and the same
      if (slope >= steepest) continue;
      steepest = slope;
      best = points_[i].rate;
    }
    return best;
  }

 private:
  void on_train_begin(CallbackContext& context) override {
    if (context.args.logging_steps != 1)
      throw std::invalid_argument("LRFinder needs each loss; set logging_steps to 1");
    points_.clear();
    before_.clear();
    for (const auto& tensor : tensors(context)) before_.push_back(tensor.detach().clone());
  }

  // A schedule sets the rates after each update, so this is the place to have the last word.
  void on_step_begin(CallbackContext& context) override {
    const auto steps = static_cast<double>(std::max<std::int64_t>(context.state.max_steps - 1, 1));
    rate_ = first_ * std::pow(last_ / first_, static_cast<double>(context.state.global_step) / steps);
    for (auto& group : context.optimizer->param_groups()) group.lr = rate_;
  }

  void on_log(CallbackContext& context) override {
    const auto* loss = context.logs->if_contains("loss");
    if (!loss) return;  // of an evaluation, or the summary
    points_.push_back({rate_, loss->to_number<double>(), 0});
    double sum = 0, weights = 0, weight = 1;
    for (auto point = points_.rbegin(); point != points_.rend(); ++point, weight *= 0.9) {
      sum += weight * point->loss;
      weights += weight;
    }
    points_.back().smooth = sum / weights;
    double least = std::numeric_limits<double>::infinity();
    for (const Point& point : points_) least = std::min(least, point.smooth);
    if (!(points_.back().smooth <= 4 * least)) context.control.should_training_stop = true;  // NaN, too
  }

  void on_train_end(CallbackContext& context) override {
    const torch::NoGradGuard no_grad;
    auto before = before_.begin();
    for (auto& tensor : tensors(context)) tensor.copy_(*before++);
  }

  static std::vector<torch::Tensor> tensors(CallbackContext& context) {
    auto all = context.model->module().parameters();
    for (const auto& buffer : context.model->module().buffers()) all.push_back(buffer);
    return all;
  }

  double first_, last_, rate_ = 0;
  std::vector<Point> points_;
  std::vector<torch::Tensor> before_;
};
