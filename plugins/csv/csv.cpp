// SPDX-License-Identifier: Apache-2.0
//
// A tracker that needs no other program: every log is a row of <output_dir>/metrics.csv.
#include <cstdint>
#include <limits>
#include <optional>
#include <trainer/sdk.hpp>
#include <trainer/sdk/path.hpp>

#include "metrics_file.hpp"

namespace {

namespace csv = trainer::csv;
using trainer::sdk::Host;
using trainer::sdk::Value;

class Csv : public trainer::sdk::TrainerCallback, public trainer::sdk::HasResults {
 public:
  static constexpr auto runs_on = trainer::sdk::RunsOn::world_zero;

  explicit Csv(const Host& host) : host_(host), rank_(host.process().rank) {}
  ~Csv() override {
    try {
      if (file_) file_->close();
    } catch (const std::exception& error) {
      host_.warning(error.what());
    }
  }

  void on_train_begin(const Arguments& args, const State& state, Control&) override {
    if (is_not_for(state)) return;
    if (state.global_step > 0)
      report(file(args).resume(state.global_step), state.global_step);
    else if (!before_training_)
      report(file(args).start(), 0);
    before_training_ = false;
  }

  void on_log(const Arguments& args, const State& state, Control&, Map& logs) override {
    if (is_not_for(state)) return;
    csv::MetricsFile& metrics = file(args);
    // An evaluation outside of training adds to what is there, and a training that follows in this
    // program goes on in a file that the evaluation made.
    if (!metrics.is_open()) {
      const csv::Opened opened = metrics.resume(std::numeric_limits<std::int64_t>::max());
      report(opened, 0);
      before_training_ = opened.created;
    }
    metrics.begin_row(state.global_step);
    logs.for_each([&](std::string_view key, const Value& value) { metrics.cell(key, value); });
    metrics.end_row();
  }

  void on_train_end(const Arguments&, const State&, Control&) override {
    if (file_ && file_->is_open()) file_->sync();
  }

  std::vector<trainer::sdk::Result> results() const override {
    if (!file_) return {};
    return {{"metrics", trainer::sdk::text_of(file_->path())}};
  }

 private:
  // A host that does not say the rank has one file for all.
  bool is_not_for(const State& state) const { return state.is_world_process_zero == 0 && rank_ == 0; }

  csv::MetricsFile& file(const Arguments& args) {
    if (!file_) {
      const Value given = host_.config("path");
      std::filesystem::path path = given.is_string() ? trainer::sdk::path_of(given.text())
                                                     : trainer::sdk::path_of(args["output_dir"].text()) / "metrics.csv";
      if (rank_ > 0) {  // a run wants one of each rank
        const std::filesystem::path extension = path.extension();
        (path.replace_extension() += ".rank-" + std::to_string(rank_)) += extension;
      }
      file_.emplace(path, given.is_string());
    }
    return *file_;
  }

  void report(const csv::Opened& opened, std::int64_t step) const {
    const std::string path = trainer::sdk::text_of(file_->path());
    if (!opened.kept.empty()) host_.info(path + " of an earlier run is kept as " + trainer::sdk::text_of(opened.kept));
    if (opened.later_rows != 0)
      host_.info(std::to_string(opened.later_rows) + " rows of " + path + " after step " + std::to_string(step) +
                 " were dropped: this run writes those steps again");
    if (opened.torn) host_.warning(path + " ended within its last row, which was removed; an earlier run was killed");
  }

  Host host_;
  std::uint32_t rank_;
  std::optional<csv::MetricsFile> file_;
  bool before_training_ = false;  // the file was made by this instance, and no training wrote to it
};

}  // namespace

// The note is JSON.
// clang-format off
TRAINER_PLUGIN(Csv, {
  "id": "csv",
  "version": TRAINER_VERSION,
  "report_to": "csv",
  "description": "Writes metrics.csv, with one row per log.",
  "events": ["on_train_begin", "on_train_end", "on_log"],
  "config": {
    "path": {
      "type": ["string", "null"],
      "default": null,
      "description": "the file to write; metrics.csv in output_dir by default"
    }
  }
})
// clang-format on
