// SPDX-License-Identifier: Apache-2.0
//
// CodeCarbonCallback of transformers 5.23.0 over a tracker of our own: emissions.csv with the
// columns and formulas of CodeCarbon 3.3, no Python and no network. docs/plugins/codecarbon.md says
// what differs and why.
#include <filesystem>
#include <memory>
#include <trainer/sdk.hpp>
#include <trainer/sdk/path.hpp>

#include "settings.hpp"
#include "shared/settings/settings.hpp"
#include "shared/system/environment.hpp"
#include "shared/system/files.hpp"
#include "tracker.hpp"
#include "trainer/sdk/repr.hpp"

namespace {

namespace cc = trainer::codecarbon;
namespace plugins = trainer::plugins;
using trainer::sdk::Host;
using trainer::sdk::repr;

class CodeCarbon : public trainer::sdk::TrainerCallback,
                   public trainer::sdk::SeesOutcome,
                   public trainer::sdk::HasResults {
 public:
  static constexpr auto runs_on = trainer::sdk::RunsOn::local_zero;

  explicit CodeCarbon(const Host& host)
      : host_(host),
        log_([host](std::uint32_t level, const std::string& line) { host.log(level, line); }),
        settings_(read_settings(host, log_)) {}

  /// The training raised, or the host ends in the middle of it: what was used until here is
  /// written.
  ~CodeCarbon() override {
    try {
      finish();
    } catch (const std::exception& e) {
      host_.error(e.what());
    }
  }

  void on_train_begin(const Arguments& args, const State& state, Control&) override {
    if (!state.is_local_process_zero) return;
    finish();  // of a training before that raised
    prepare(args);
    // Now rather than at the end, when hours of measuring would be lost.
    if (settings_.save_to_file) plugins::make_writable_directory(directory_);
    tracker_->start();
  }

  void on_train_end(const Arguments&, const State& state, Control&) override {
    if (state.is_local_process_zero) finish();
  }

  void on_outcome(const trainer::sdk::Outcome&) override { finish(); }

  std::vector<trainer::sdk::Result> results() const override {
    if (directory_.empty() || !settings_.save_to_file) return {};
    return {{"emissions", trainer::sdk::text_of(directory_ / trainer::sdk::path_of(settings_.output_file))}};
  }

 private:
  static cc::Settings read_settings(const Host& host, const cc::Log& log) {
    constexpr const char* file_name = ".codecarbon.config";
    cc::Layer given{"the configuration of codecarbon", {}};
    for (const std::string& name : cc::setting_names()) {
      if (auto text = plugins::setting_text(host.config(name))) given.values[name] = std::move(*text);
    }
    std::vector<cc::Layer> layers;
    layers.push_back(cc::read_ini(plugins::expand_user(std::string("~/") + file_name), log));
    layers.push_back(cc::read_ini(std::filesystem::absolute(file_name), log));
    layers.push_back(cc::read_environment(plugins::environment()));
    // transformers gives the tracker args.output_dir as an argument, which beats files and
    // environment.
    for (cc::Layer& layer : layers)
      if (layer.values.erase("output_dir") != 0)
        log(TRAINER_LOG_DEBUG, layer.where + " sets output_dir, but the run's output_dir is used");
    return cc::resolve(layers, given, log);
  }

  void prepare(const Arguments& args) {
    if (tracker_) return;
    directory_ = std::filesystem::absolute(trainer::sdk::path_of(
        settings_.output_dir.empty() ? args["output_dir"].text() : std::string_view(settings_.output_dir)));
    tracker_ = std::make_unique<cc::Tracker>(settings_, log_);
    // "all" brings codecarbon to people who did not ask for it: they get one line, that of the result.
    const bool named = host_.argument("report_to").text() != R"(["all"])";
    if (const std::string warning = tracker_->carbon_warning(); !warning.empty())
      host_.log(named ? TRAINER_LOG_WARNING : TRAINER_LOG_DEBUG, warning);
    host_.log(named ? TRAINER_LOG_INFO : TRAINER_LOG_DEBUG, tracker_->methods_line());
  }

  void finish() {
    if (!tracker_ || !tracker_->running()) return;
    const cc::Measurement measurement = tracker_->stop();
    if (settings_.save_to_file) {
      // Again, as somebody may have cleared the directory since.
      plugins::make_writable_directory(directory_);
      cc::append_row(directory_ / trainer::sdk::path_of(settings_.output_file), tracker_->row(measurement), log_);
      cc::write_file(directory_ / "emissions_method.json", tracker_->methods_json(measurement));
    }
    host_.info(repr(measurement.kwh()) + " kWh in " + repr(measurement.seconds) + " s, " +
               repr(tracker_->kg_co2e(measurement)) + " kg CO2e" +
               (settings_.save_to_file
                    ? ", written to " + trainer::sdk::text_of(directory_ / trainer::sdk::path_of(settings_.output_file))
                    : ""));
  }

  const Host host_;
  const cc::Log log_;
  const cc::Settings settings_;
  std::filesystem::path directory_;
  std::unique_ptr<cc::Tracker> tracker_;
};

}  // namespace

// clang-format off
TRAINER_PLUGIN(CodeCarbon, {
  "id": "codecarbon",
  "version": TRAINER_VERSION,
  "description": "Writes the energy and emissions of the training to emissions.csv, as CodeCarbon does.",
  "report_to": "codecarbon",
  "events": ["on_train_begin", "on_train_end"],
  "config": {
    "project_name": {
      "type": ["string", "null"], "default": null,
      "description": "a column; \"codecarbon\" by default"
    },
    "experiment_id": {
      "type": ["string", "null"], "default": null,
      "description": "a column; CodeCarbon's own id by default"
    },
    "measure_power_secs": {
      "type": ["number", "null"], "default": null, "minimum": 0.05,
      "description": "seconds between measurements; 15 by default"
    },
    "country_iso_code": {
      "type": ["string", "null"], "default": null,
      "description": "three letters, for the carbon intensity of the country's electricity"
    },
    "region": {
      "type": ["string", "null"], "default": null,
      "description": "a column"
    },
    "force_cpu_power": {
      "type": ["number", "null"], "default": null, "minimum": 0,
      "description": "TDP of the machine in W; the power then follows the load"
    },
    "force_ram_power": {
      "type": ["number", "null"], "default": null, "minimum": 0,
      "description": "power of the memory in W"
    },
    "force_carbon_intensity_g_co2e_kwh": {
      "type": ["number", "null"], "default": null, "minimum": 0,
      "description": "g CO2e/kWh, instead of the country's"
    },
    "force_mode_cpu_load": {
      "type": ["boolean", "null"], "default": null,
      "description": "TDP by load even if RAPL can be read"
    },
    "pue": {
      "type": ["number", "null"], "default": null, "minimum": 1,
      "description": "power usage effectiveness, multiplies every energy; 1 by default"
    },
    "wue": {
      "type": ["number", "null"], "default": null, "minimum": 0,
      "description": "litres of water per kWh; 0 by default"
    },
    "gpu_ids": {
      "type": ["string", "integer", "array", "null"], "default": null,
      "description": "GPUs by index or start of UUID; CUDA_VISIBLE_DEVICES by default"
    },
    "rapl_dir": {
      "type": ["string", "null"], "default": null,
      "description": "where the RAPL counters are, instead of /sys/class/powercap"
    },
    "rapl_include_dram": {
      "type": ["boolean", "null"], "default": null,
      "description": "add memory domains at the top level to the CPU"
    },
    "rapl_prefer_psys": {
      "type": ["boolean", "null"], "default": null,
      "description": "measure the platform domain instead of the packages"
    },
    "save_to_file": {
      "type": ["boolean", "null"], "default": null,
      "description": "false: only log the result"
    },
    "output_dir": {
      "type": ["string", "null"], "default": null,
      "description": "directory of the file; the run's output_dir by default"
    },
    "output_file": {
      "type": ["string", "null"], "default": null,
      "description": "name of the file; \"emissions.csv\" by default"
    }
  }
})
// clang-format on
