// Writes the lowest value of a metric into the log when training ends.
#include <cstdint>
#include <limits>
#include <sstream>
#include <string>
#include <trainer/sdk.hpp>

namespace {

using trainer::sdk::Host;

class @CLASS@ : public trainer::sdk::TrainerCallback {
 public:
  explicit @CLASS@(const Host& host) : host_(host), metric_(host.config("metric").text()) {}

  void on_train_begin(const Arguments&, const State&, Control&) override {
    lowest_ = std::numeric_limits<double>::infinity(), step_ = -1;
  }

  void on_log(const Arguments&, const State& state, Control&, Map& logs) override {
    const auto value = logs.get(metric_);
    if (!value || !value->is_number() || !(value->number() < lowest_)) return;
    lowest_ = value->number(), step_ = state.global_step;
  }

  void on_train_end(const Arguments&, const State&, Control&) override {
    if (step_ < 0) return;
    std::ostringstream line;
    line << "lowest " << metric_ << ": " << lowest_ << " in step " << step_;
    host_.info(line.str());
  }

 private:
  Host host_;
  std::string metric_;
  double lowest_ = std::numeric_limits<double>::infinity();
  std::int64_t step_ = -1;
};

}  // namespace

TRAINER_PLUGIN(@CLASS@, {
  "id": "@NAME@",
  "version": "0.1.0",
  "description": "Writes the lowest value of a metric into the log when training ends.",
  "config": {
    "metric": {"type": "string", "default": "loss", "description": "the metric's name in the logs"}
  }
})
