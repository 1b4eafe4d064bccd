// SPDX-License-Identifier: Apache-2.0
//
// The measuring thread, and a measurement as a row and as methods.
#include "tracker.hpp"

#include <trainer/host.h>

#include <algorithm>
#include <trainer/sdk/path.hpp>

#include "carbon_intensity.hpp"
#include "child/threads.hpp"
#include "rapl.hpp"
#include "shared/system/clock.hpp"
#include "shared/system/environment.hpp"
#include "shared/system/random_id.hpp"
#include "text.hpp"
#include "trainer/sdk/repr.hpp"

namespace trainer::codecarbon {
namespace {

/// For the column codecarbon_version: whose columns and formulas these are, and who wrote them.
constexpr const char* format = "3.3.2 (LibTrainer " TRAINER_VERSION ")";

/// A measure over less than this counts with its energy, but not in the mean of the powers:
/// CodeCarbon skips it (emissions_tracker.py, min_interval_s).
constexpr double shortest_measure = 0.05;  // s
constexpr std::chrono::seconds sample_period(1);

double seconds_between(std::chrono::steady_clock::time_point from, std::chrono::steady_clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

}  // namespace

Tracker::Tracker(Settings settings, Log log)
    : settings_(std::move(settings)), log_(std::move(log)), machine_(machine()), ram_total_gb_(memory().total_gb) {
  RaplOptions rapl;
  if (!settings_.rapl_dir.empty()) rapl.dir = sdk::path_of(settings_.rapl_dir);
  rapl.include_dram = settings_.rapl_include_dram;
  rapl.prefer_psys = settings_.rapl_prefer_psys;
  std::unique_ptr<RaplMeter> counters;
  if (!settings_.force_cpu_power && !settings_.force_mode_cpu_load) counters = RaplMeter::open(rapl, log_);
  if (counters) {
    cpu_mode_ = "rapl";
    for (const RaplDomain& domain : counters->domains())
      cpu_method_ += (cpu_method_.empty() ? "RAPL: " : ", ") + domain.name();
    cpu_ = std::move(counters);
  } else {
    const Tdp tdp = machine_tdp(settings_.force_cpu_power, machine_.cpu_model, machine_.threads, machine_.sockets);
    cpu_mode_ = "cpu_load";
    cpu_method_ = "TDP x (0.1 + 0.9 load^3) with a TDP of " + tdp.source;
    cpu_ = std::make_unique<LoadMeter>(tdp.watts);
  }

  const double ram_watts = settings_.force_ram_power.value_or(ram_power(ram_total_gb_, machine_.arm));
  ram_method_ = sdk::repr(ram_watts) + " W, " +
                (settings_.force_ram_power
                     ? std::string("as force_ram_power says")
                     : "estimated for " + std::to_string(estimate_dimm_count(ram_total_gb_)) + " memory modules");
  ram_ = std::make_unique<ConstantMeter>(ram_watts);

  gpu_ = NvmlMeter::open(settings_.gpu_ids, plugins::find_variable("CUDA_VISIBLE_DEVICES"), log_);
  gpu_method_ = !gpu_                        ? "none found"
                : gpu_->has_energy_counter() ? "NVML energy counter: " + gpu_->model()
                                             : "NVML power once a second: " + gpu_->model();
  choose_carbon_intensity();
}

Tracker::~Tracker() {
  if (running()) stop();
}

void Tracker::choose_carbon_intensity() {
  const Country* country = find_country(settings_.country_iso_code);
  if (country != nullptr) country_name_ = country->name;
  std::string source;
  if (settings_.force_carbon_intensity_g_co2e_kwh) {
    g_co2e_per_kwh_ = *settings_.force_carbon_intensity_g_co2e_kwh;
    source = "as force_carbon_intensity_g_co2e_kwh says";
  } else if (country != nullptr) {
    g_co2e_per_kwh_ = country->g_co2e_per_kwh;
    source = country_name_ + " " + std::to_string(country->year) + " (Our World in Data, CC BY 4.0)";
  } else {
    g_co2e_per_kwh_ = world_average;
    source = "the world average, as the country is not known";
  }
  carbon_method_ = sdk::repr(g_co2e_per_kwh_) + " g CO2e/kWh, " + source;
}

std::string Tracker::carbon_warning() const {
  const std::string& code = settings_.country_iso_code;
  if (settings_.force_carbon_intensity_g_co2e_kwh || find_country(code) != nullptr) return {};
  return (code.empty() ? "country unknown" : "country_iso_code \"" + code + "\" has no figure in the table") +
         std::string(
             " \u2192 world average of 475 g CO2e/kWh; set country_iso_code (such as FRA) or "
             "force_carbon_intensity_g_co2e_kwh");
}

void Tracker::start() {
  if (running()) return;
  sum_ = Measurement();
  sum_.run_id = plugins::uuid4();
  measures_ = 0;
  stopping_ = false;
  cpu_->start();
  if (gpu_) gpu_->start();
  last_times_ = plugins::cpu_times();
  start_ = last_sample_ = last_measure_ = Clock::now();
  thread_ = child::start_thread("that measures", [this] { loop(); });
}

Measurement Tracker::stop() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
  measure(Clock::now());

  Measurement out = sum_;
  out.seconds = seconds_between(start_, last_measure_);
  for (double* mean : {&out.cpu_percent, &out.gpu_percent, &out.ram_percent, &out.ram_used_gb})
    *mean = out.seconds > 0 ? *mean / out.seconds : 0;
  for (double* mean : {&out.cpu_watts, &out.gpu_watts, &out.ram_watts}) *mean /= std::max(measures_, 1);
  return out;
}

void Tracker::loop() {
  std::unique_lock<std::mutex> lock(mutex_);
  const auto period = std::chrono::duration_cast<Clock::duration>(
      std::chrono::duration<double>(std::min(settings_.measure_power_secs, 1e9)));
  auto next_sample = start_ + sample_period;
  auto next_measure = start_ + period;
  while (!wake_.wait_until(lock, std::min(next_sample, next_measure), [&] { return stopping_; })) {
    const auto now = Clock::now();
    try {
      if (now >= next_measure)
        measure(now);
      else
        sample(now);
    } catch (const std::exception& e) {
      if (log_) log_(TRAINER_LOG_WARNING, std::string("a measurement failed and is left out: ") + e.what());
    }
    // A machine that slept or was busy does not get the missed ones one after the other.
    while (next_sample <= now) next_sample += sample_period;
    if (now >= next_measure) next_measure = now + period;
  }
}

void Tracker::sample(Clock::time_point now) {
  const double seconds = seconds_between(last_sample_, now);
  if (seconds <= 0) return;
  last_sample_ = now;

  const auto times = plugins::cpu_times();
  double load = 0;
  if (times && last_times_ && times->total > last_times_->total)
    load = std::clamp((times->busy - last_times_->busy) / (times->total - last_times_->total), 0.0, 1.0);
  last_times_ = times;
  cpu_->sample(seconds, load);
  sum_.cpu_percent += 100 * load * seconds;
  if (gpu_) {
    gpu_->sample(seconds, load);
    sum_.gpu_percent += gpu_->utilization() * seconds;
  }
  const Memory ram = memory();
  if (ram.total_gb > 0) sum_.ram_percent += 100 * ram.used_gb / ram.total_gb * seconds;
  sum_.ram_used_gb += ram.used_gb * seconds;
}

void Tracker::measure(Clock::time_point now) {
  const double seconds = seconds_between(last_measure_, now);
  if (seconds <= 0) return;
  sample(now);
  last_measure_ = now;
  const double cpu = cpu_->take_joules(seconds) * settings_.pue;
  const double ram = ram_->take_joules(seconds) * settings_.pue;
  const double gpu = gpu_ ? gpu_->take_joules(seconds) * settings_.pue : 0;
  sum_.cpu_kwh += cpu / joules_per_kwh;
  sum_.ram_kwh += ram / joules_per_kwh;
  sum_.gpu_kwh += gpu / joules_per_kwh;
  // The only measure counts however short it was.
  if (seconds < shortest_measure && !(stopping_ && measures_ == 0)) return;
  ++measures_;
  sum_.cpu_watts += cpu / seconds;
  sum_.ram_watts += ram / seconds;
  sum_.gpu_watts += gpu / seconds;
}

std::string Tracker::methods_line() const {
  return "CPU: " + cpu_method_ + "; RAM: " + ram_method_ + "; GPU: " + gpu_method_ +
         "; carbon intensity: " + carbon_method_;
}

std::string Tracker::methods_json(const Measurement& measurement) const {
  const auto part = [](const char* name, const std::string& mode, const std::string& method) {
    return std::string("  ") + json_string(name) + ": {\"mode\": " + json_string(mode) +
           ", \"method\": " + json_string(method) + "}";
  };
  return "{\n  \"run_id\": " + json_string(measurement.run_id) + ",\n  \"codecarbon_version\": " + json_string(format) +
         ",\n" + part("cpu", cpu_mode_, cpu_method_) + ",\n" +
         part("ram", settings_.force_ram_power ? "forced" : "estimate", ram_method_) + ",\n" +
         part("gpu", gpu_ ? "nvml" : "none", gpu_method_) + ",\n" +
         part("carbon_intensity",
              settings_.force_carbon_intensity_g_co2e_kwh ? "forced"
              : country_name_.empty()                     ? "world_average"
                                                          : "country",
              carbon_method_) +
         ",\n  \"carbon_intensity_g_co2e_kwh\": " + sdk::repr(g_co2e_per_kwh_) + "\n}\n";
}

Row Tracker::row(const Measurement& m) const {
  const auto number = [](double value) { return sdk::repr(value); };
  const double kg = kg_co2e(m);
  const std::vector<std::string> values = {
      plugins::local_timestamp(),
      settings_.project_name,
      m.run_id,
      settings_.experiment_id,
      number(m.seconds),
      number(kg),
      number(m.seconds > 0 ? kg / m.seconds : 0),
      number(m.cpu_watts),
      number(m.gpu_watts),
      number(m.ram_watts),
      number(m.cpu_kwh),
      number(m.gpu_kwh),
      number(m.ram_kwh),
      number(m.kwh()),
      number(m.kwh() * settings_.wue),
      country_name_,
      settings_.country_iso_code,
      settings_.region,
      "",  // cloud_provider and cloud_region: nothing is asked of a cloud's metadata service
      "",
      machine_.os,
      "",  // python_version: there is none
      format,
      std::to_string(machine_.threads),
      machine_.cpu_model,
      std::to_string(gpu_ ? gpu_->count() : 0),
      gpu_ ? gpu_->model() : "",
      "",  // longitude and latitude: the place is not looked up
      "",
      number(ram_total_gb_),
      "machine",
      number(m.cpu_percent),
      number(m.gpu_percent),
      number(m.ram_percent),
      number(m.ram_used_gb),
      "N",
      number(settings_.pue),
      number(settings_.wue)};
  Row row;
  for (std::size_t i = 0; i < values.size(); ++i) row.emplace_back(emissions_columns()[i], values[i]);
  return row;
}

}  // namespace trainer::codecarbon
