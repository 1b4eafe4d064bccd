// SPDX-License-Identifier: Apache-2.0
//
// EarlyStoppingCallback of transformers 5.23.0 (trainer_callback.py), rule for rule: a metric that
// has not improved for `early_stopping_patience` evaluations ends the training. `state.best_metric`
// is the trainer's, set after on_evaluate and without regard to the threshold; so a metric that
// creeps by less than the threshold each time never resets the counter.
#include <cmath>
#include <cstdint>
#include <trainer/sdk.hpp>

namespace {

using trainer::sdk::Host;

class EarlyStopping : public trainer::sdk::TrainerCallback, public trainer::sdk::Stateful {
 public:
  static constexpr auto runs_on = trainer::sdk::RunsOn::all;  // all ranks have the same metrics

  explicit EarlyStopping(const Host& host)
      : host_(host),
        patience_(host.config("early_stopping_patience").integer()),
        threshold_(host.config("early_stopping_threshold").number()) {}

  void on_train_begin(const Arguments& args, const State&, Control&) override {
    if (!args["load_best_model_at_end"].flag())
      host_.warning(
          "load_best_model_at_end is off: after training, the model stays that of the last step, "
          "not "
          "the best one");
    if (args["metric_for_best_model"].is_null())
      throw std::invalid_argument(
          "early stopping needs args.metric_for_best_model, which is not set; set it to a metric "
          "of "
          "the evaluation, such as \"loss\"");
    if (args["eval_strategy"].text() == "no")
      throw std::invalid_argument(
          "early stopping needs evaluations, but args.eval_strategy is \"no\"; set it to \"steps\" "
          "or "
          "\"epoch\"");
  }

  void on_evaluate(const Arguments& args, const State& state, Control& control, Map& metrics) override {
    std::string name(args["metric_for_best_model"].text());
    if (name.rfind("eval_", 0) != 0) name = "eval_" + name;
    const auto metric = metrics.get(name);
    if (!metric) {
      host_.warning("the evaluation gave no \"" + name +
                    "\", which args.metric_for_best_model asks for; this evaluation is not counted");
      return;
    }
    count(metric->number(), args["greater_is_better"].flag(), state);
    if (counter_ >= patience_) control.should_training_stop = 1;
  }

  void save_state(Map& args, Map& attributes) const override {
    args.set("early_stopping_patience", patience_);
    // Kept as it was given: an integer threshold stays an integer in trainer_state.json.
    args.set("early_stopping_threshold", host_.config("early_stopping_threshold"));
    attributes.set("early_stopping_patience_counter", counter_);
  }

  void load_state(const Map& attributes) override {
    const auto counter = attributes.get("early_stopping_patience_counter");
    if (!counter || !counter->is_integer() || counter->integer() < 0)
      throw std::invalid_argument(
          "the stored state has no early_stopping_patience_counter that is a whole number from 0");
    counter_ = counter->integer();
  }

 private:
  void count(double metric, bool greater_is_better, const State& state) {
    const bool first = (state.present & TRAINER_STATE_HAS_BEST_METRIC) == 0;
    const bool better = greater_is_better ? metric > state.best_metric : metric < state.best_metric;
    if (first || (better && std::abs(metric - state.best_metric) > threshold_))
      counter_ = 0;
    else
      ++counter_;
  }

  Host host_;
  std::int64_t patience_;
  double threshold_;
  std::int64_t counter_ = 0;
};

}  // namespace

// clang-format off
TRAINER_PLUGIN(EarlyStopping, {
  "id": "early_stopping",
  "version": TRAINER_VERSION,
  "description": "Stops training when the best metric has not improved for some evaluations.",
  "class": "EarlyStoppingCallback",
  "events": ["on_train_begin", "on_evaluate"],
  "config": {
    "early_stopping_patience": {
      "type": "integer", "default": 1,
      "description": "evaluations without improvement until training stops"
    },
    "early_stopping_threshold": {
      "type": "number", "default": 0.0,
      "description": "by how much a metric must improve to count"
    }
  }
})
// clang-format on
