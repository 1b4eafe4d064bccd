// SPDX-License-Identifier: Apache-2.0
//
// CodeCarbon's power models, and the interface of a component that is measured.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace trainer::codecarbon {

/// One line for the run's log; `level` is one of TRAINER_LOG_... . Called from any thread.
using Log = std::function<void(std::uint32_t level, const std::string& text)>;

constexpr double joules_per_kwh = 3.6e6;

/// Power of a CPU at a load of 0...1: 10 % of the TDP when idle, then with the cube of the load
/// (external/hardware.py, _get_power_from_cpu_load).
double cpu_load_power(double tdp_watts, double load);

/// Number of memory modules that a machine of this size probably has (external/ram.py).
int estimate_dimm_count(double total_gb);

/// Power of that memory in W: 5 W a module on x86, 1.5 W on ARM, less for each further one.
double ram_power(double total_gb, bool arm);

/// TDP in W of one package, from our own list (cpu_tdp.inc); empty for a model that is not in it.
std::optional<double> find_tdp(std::string_view cpu_model);

struct Tdp {
  double watts = 0;    // of the whole machine
  std::string source;  // for the log and the methods file: "225.0 W, TDP of ..."
};
/// `forced`, else list x sockets, else 4 W a thread, else 85 W a socket.
Tdp machine_tdp(std::optional<double> forced, const std::string& cpu_model, int threads, int sockets);

/// What uses energy. Called from one thread at a time.
class Meter {
 public:
  virtual ~Meter() = default;
  /// Takes the zero of the first interval.
  virtual void start() {}
  /// About once a second: the CPU load (0...1) over the `seconds` that have just passed.
  virtual void sample(double /*seconds*/, double /*load*/) {}
  /// Joules since the last call, `seconds` ago.
  virtual double take_joules(double seconds) = 0;
};

/// Always the same power.
class ConstantMeter : public Meter {
 public:
  explicit ConstantMeter(double watts) : watts_(watts) {}
  double take_joules(double seconds) override { return watts_ * seconds; }

 private:
  double watts_;
};

/// TDP by load.
class LoadMeter : public Meter {
 public:
  explicit LoadMeter(double tdp_watts) : tdp_(tdp_watts) {}
  void start() override { joules_ = 0; }
  void sample(double seconds, double load) override { joules_ += cpu_load_power(tdp_, load) * seconds; }
  double take_joules(double) override {
    const double joules = joules_;
    joules_ = 0;
    return joules;
  }

 private:
  double tdp_;
  double joules_ = 0;
};

}  // namespace trainer::codecarbon
