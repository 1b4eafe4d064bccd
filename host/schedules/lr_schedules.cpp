// SPDX-License-Identifier: Apache-2.0
//
// The curves of transformers/optimization.py. The order of operations is part of the formula: rates
// are compared bit for bit, so nothing here may be rearranged.
#include "schedules/lr_schedules.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "schedules/lr_kwargs.hpp"

namespace trainer {
namespace {

constexpr double pi = std::numbers::pi;

// What most curves share, as doubles: steps are far below 2^53.
struct Steps {
  double warmup, training;

  bool warming(double s) const { return s < warmup; }
  double warm(double s) const { return s / std::max(1.0, warmup); }
  double after_warmup() const { return std::max(1.0, training - warmup); }
};

// Python's x % 1.0 for a float.
double fraction(double x) {
  const double rest = std::fmod(x, 1.0);
  return rest < 0 ? rest + 1.0 : rest;
}

LrFactor linear(Steps steps) {
  return [=](std::int64_t step) {
    const double s = static_cast<double>(step);
    if (steps.warming(s)) return steps.warm(s);
    return std::max(0.0, (steps.training - s) / steps.after_warmup());
  };
}

LrFactor constant_with_warmup(Steps steps) {
  return [=](std::int64_t step) {
    const double s = static_cast<double>(step);
    return steps.warming(s) ? steps.warm(s) : 1.0;
  };
}

LrFactor cosine(Steps steps, double num_cycles, double min_lr_rate) {
  return [=](std::int64_t step) {
    const double s = static_cast<double>(step);
    if (steps.warming(s)) return steps.warm(s);
    const double progress = (s - steps.warmup) / steps.after_warmup();
    double factor = 0.5 * (1.0 + std::cos(pi * num_cycles * 2.0 * progress));
    factor = factor * (1 - min_lr_rate) + min_lr_rate;
    return std::max(0.0, factor);
  };
}

LrFactor cosine_with_restarts(Steps steps, double num_cycles) {
  return [=](std::int64_t step) {
    const double s = static_cast<double>(step);
    if (steps.warming(s)) return steps.warm(s);
    const double progress = (s - steps.warmup) / steps.after_warmup();
    if (progress >= 1.0) return 0.0;
    return std::max(0.0, 0.5 * (1.0 + std::cos(pi * fraction(num_cycles * progress))));
  };
}

LrFactor cosine_warmup_with_min_lr(Steps steps, double num_cycles, double min_lr_rate,
                                   std::optional<Number> warmup_lr_rate) {
  return [=](std::int64_t step) {
    const double s = static_cast<double>(step);
    if (steps.warming(s)) {
      if (!warmup_lr_rate) return (s + 1.0) / std::max(1.0, steps.warmup);
      const double first = *warmup_lr_rate;
      return first + (1.0 - first) * s / std::max(1.0, steps.warmup - 1);
    }
    const double progress = (s - steps.warmup + 1.0) / steps.after_warmup();
    double factor = 0.5 * (1.0 + std::cos(pi * num_cycles * 2.0 * progress));
    factor = factor * (1 - min_lr_rate) + min_lr_rate;
    return std::max(0.0, factor);
  };
}

LrFactor polynomial(Steps steps, double lr, double lr_end, double power) {
  return [=](std::int64_t step) {
    const double s = static_cast<double>(step);
    if (steps.warming(s)) return steps.warm(s);
    const double decay_steps = steps.training - steps.warmup;
    // A run that is all warm-up ends here; Python divides by zero.
    if (s > steps.training || decay_steps == 0) return lr_end / lr;
    const double remaining = 1 - (s - steps.warmup) / decay_steps;
    const double decay = (lr - lr_end) * std::pow(remaining, power) + lr_end;
    return decay / lr;
  };
}

LrFactor inverse_sqrt(Steps steps, double timescale) {
  return [=](std::int64_t step) {
    const double s = static_cast<double>(step);
    if (steps.warming(s)) return steps.warm(s);
    return 1.0 / std::sqrt((s + (timescale - steps.warmup)) / timescale);
  };
}

struct StableDecay {
  double warmup, stable, decay;
  std::string warmup_type, decay_type;
  double min_lr_ratio, num_cycles;

  double operator()(std::int64_t step) const {
    const double s = static_cast<double>(step);
    double factor = 0;
    if (s < warmup) {
      const double progress = s / std::max(1.0, warmup);
      if (warmup_type == "linear") factor = progress;
      if (warmup_type == "cosine") factor = 0.5 * (1.0 - std::cos(pi * progress));
      if (warmup_type == "1-sqrt") factor = 1.0 - std::sqrt(1.0 - progress);
    } else if (s < warmup + stable) {
      return 1.0;
    } else if (s < warmup + stable + decay) {
      const double progress = (s - warmup - stable) / std::max(1.0, decay);
      if (decay_type == "linear") factor = 1.0 - progress;
      if (decay_type == "cosine") {
        factor = 0.5 * (1.0 + std::cos(pi * num_cycles * 2.0 * progress));
      }
      if (decay_type == "1-sqrt") factor = 1.0 - std::sqrt(progress);
    } else {
      return min_lr_ratio;
    }
    factor = factor * (1.0 - min_lr_ratio) + min_lr_ratio;
    return std::max(0.0, factor);
  }
};

LrFactor warmup_stable_decay(Steps steps, const LrKwargs& kwargs) {
  const std::vector<std::string> shapes{"linear", "cosine", "1-sqrt"};
  StableDecay curve;
  curve.warmup = steps.warmup;
  curve.decay = kwargs.required_number("num_decay_steps", "{\"num_decay_steps\": 100}");
  curve.warmup_type = kwargs.choice("warmup_type", "linear", shapes);
  curve.decay_type = kwargs.choice("decay_type", "cosine", shapes);
  curve.min_lr_ratio = kwargs.number("min_lr_ratio", 0);
  curve.num_cycles = kwargs.number("num_cycles", 0.5);
  curve.stable = kwargs.number("num_stable_steps", steps.training - steps.warmup - curve.decay);
  return curve;
}

// The floor, given as a rate or as a part of the base rate.
double floor_rate(const LrKwargs& kwargs, double lr) {
  const auto min_lr = kwargs.find_number("min_lr");
  const auto min_lr_rate = kwargs.find_number("min_lr_rate");
  if (min_lr && min_lr_rate) kwargs.refuse("min_lr", "min_lr_rate too", "only one of the two");
  if (!min_lr && !min_lr_rate) {
    kwargs.refuse("min_lr", "nothing", "min_lr or min_lr_rate; add one, for example {\"min_lr_rate\": 0.1}");
  }
  if (min_lr_rate) return *min_lr_rate;
  if (lr == 0) kwargs.refuse("min_lr", "a learning_rate of 0", "one above 0 to divide by");
  return *min_lr / lr;
}

}  // namespace

LrFactor make_lr_factor(std::string_view type, std::int64_t num_warmup_steps, std::int64_t num_training_steps,
                        double lr, const json::object& kwargs) {
  const Steps steps{static_cast<double>(num_warmup_steps), static_cast<double>(num_training_steps)};
  const auto read = [&](std::vector<std::string> known) { return LrKwargs(type, kwargs, std::move(known)); };
  // As in get_scheduler(), these two do not get the kwargs.
  if (type == "constant") return [](std::int64_t) { return 1; };
  if (type == "constant_with_warmup") return constant_with_warmup(steps);
  if (type == "linear") {
    read({});
    return linear(steps);
  }
  if (type == "cosine") {
    return cosine(steps, read({"num_cycles"}).number("num_cycles", 0.5), 0.0);
  }
  if (type == "cosine_with_restarts") {
    return cosine_with_restarts(steps, read({"num_cycles"}).number("num_cycles", 1));
  }
  if (type == "cosine_with_min_lr") {
    const LrKwargs given = read({"num_cycles", "min_lr", "min_lr_rate"});
    return cosine(steps, given.number("num_cycles", 0.5), floor_rate(given, lr));
  }
  if (type == "cosine_warmup_with_min_lr") {
    const LrKwargs given = read({"num_cycles", "min_lr", "min_lr_rate", "warmup_lr_rate"});
    return cosine_warmup_with_min_lr(steps, given.number("num_cycles", 0.5), floor_rate(given, lr),
                                     given.find_number("warmup_lr_rate"));
  }
  if (type == "polynomial") {
    const LrKwargs given = read({"lr_end", "power"});
    const double lr_end = given.number("lr_end", 1e-7);
    if (!(lr > lr_end)) {
      given.refuse("lr_end", json::repr(lr_end), "less than learning_rate " + json::repr(lr));
    }
    return polynomial(steps, lr, lr_end, given.number("power", 1.0));
  }
  if (type == "inverse_sqrt") {
    const LrKwargs given = read({"timescale"});
    const double timescale = given.number("timescale", num_warmup_steps != 0 ? num_warmup_steps : 10'000);
    if (!(timescale > 0)) given.refuse("timescale", json::repr(timescale), "a number above 0");
    return inverse_sqrt(steps, timescale);
  }
  if (type == "warmup_stable_decay") {
    return warmup_stable_decay(steps, read({"num_decay_steps", "num_stable_steps", "warmup_type", "decay_type",
                                            "min_lr_ratio", "num_cycles"}));
  }
  return nullptr;
}

}  // namespace trainer
