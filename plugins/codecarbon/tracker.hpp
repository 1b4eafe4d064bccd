// SPDX-License-Identifier: Apache-2.0
//
// One measurement after another: CodeCarbon's tracker without the network.
#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "emissions_file.hpp"
#include "machine.hpp"
#include "nvml.hpp"
#include "power.hpp"
#include "settings.hpp"
#include "shared/system/machine.hpp"

namespace trainer::codecarbon {

/// What was measured between start and stop. Energies and powers include the PUE.
struct Measurement {
  std::string run_id;
  double seconds = 0;
  double cpu_kwh = 0, gpu_kwh = 0, ram_kwh = 0;
  double cpu_watts = 0, gpu_watts = 0, ram_watts = 0;        // mean over the measures
  double cpu_percent = 0, gpu_percent = 0, ram_percent = 0;  // mean over time
  double ram_used_gb = 0;                                    // mean over time

  double kwh() const { return cpu_kwh + gpu_kwh + ram_kwh; }
};

class Tracker {
 public:
  /// Looks at the machine and chooses a method for each component.
  Tracker(Settings settings, Log log);
  ~Tracker();
  Tracker(const Tracker&) = delete;
  Tracker& operator=(const Tracker&) = delete;

  /// Begins a measurement with a run_id of its own; a thread of the tracker's samples once a
  /// second.
  void start();
  bool running() const { return thread_.joinable(); }
  /// Joins the thread and gives the result.
  Measurement stop();

  Row row(const Measurement& measurement) const;
  std::string methods_json(const Measurement& measurement) const;
  std::string methods_line() const;
  std::string carbon_warning() const;  ///< empty when the carbon intensity is that of a country, or given
  double g_co2e_per_kwh() const { return g_co2e_per_kwh_; }
  double kg_co2e(const Measurement& measurement) const { return measurement.kwh() * g_co2e_per_kwh_ / 1000; }

 private:
  using Clock = std::chrono::steady_clock;
  void choose_carbon_intensity();
  void loop();
  void sample(Clock::time_point now);
  void measure(Clock::time_point now);

  const Settings settings_;
  const Log log_;
  const Machine machine_;
  const double ram_total_gb_;
  std::unique_ptr<Meter> cpu_, ram_;
  std::unique_ptr<NvmlMeter> gpu_;  // null without a GPU
  std::string cpu_mode_, cpu_method_, ram_method_, gpu_method_, carbon_method_;
  double g_co2e_per_kwh_ = 0;
  std::string country_name_;

  std::thread thread_;
  std::mutex mutex_;  // guards all that follows while the thread runs
  std::condition_variable wake_;
  bool stopping_ = false;
  Clock::time_point start_, last_sample_, last_measure_;
  std::optional<plugins::CpuTimes> last_times_;
  Measurement sum_;
  int measures_ = 0;
};

}  // namespace trainer::codecarbon
