// SPDX-License-Identifier: Apache-2.0
//
// A tracker that draws the run: report.html in output_dir, a page that needs nothing but a browser.
#include <algorithm>
#include <limits>
#include <mutex>
#include <optional>
#include <trainer/sdk.hpp>
#include <trainer/sdk/file.hpp>
#include <utility>

#include "earlier_page.hpp"
#include "page_file.hpp"
#include "recorder.hpp"
#include "shared/system/clock.hpp"

namespace {

namespace html = trainer::html;
namespace plugins = trainer::plugins;
namespace report = trainer::report;
using report::Run;
using trainer::sdk::Host;
using trainer::sdk::Value;

class Html : public trainer::sdk::TrainerCallback,
             public trainer::sdk::Console,
             public trainer::sdk::SeesOutcome,
             public trainer::sdk::HasResults {
 public:
  static constexpr auto runs_on = trainer::sdk::RunsOn::world_zero;

  explicit Html(const Host& host) : host_(host), interval_(host.config("interval").number()) {}
  /// Of a host that does not tell the outcome.
  ~Html() override {
    if (!file_ || run_.status != Run::Status::running) return;
    try {
      end_early("the training ended early");
    } catch (const std::exception& error) {
      host_.warning(error.what());
    }
  }

  void on_train_begin(const Arguments& args, const State& state, Control&) override {
    if (state.is_world_process_zero == 0) return;
    open(args);
    if (state.global_step > 0)
      resume(state);
    else if (!before_training_)
      start();
    before_training_ = false;
    html::record_setting(run_, host_);
    run_.status = Run::Status::running;
    begun_ = plugins::monotonic_seconds();
    stop_.reset();
    update(state);
  }

  void on_log(const Arguments& args, const State& state, Control& control, Map& logs) override {
    if (state.is_world_process_zero == 0) return;
    if (!file_) {
      open(args);
      before_training_ = !go_on();
      html::record_setting(run_, host_);
    }
    html::record_log(run_, state.global_step, state.epoch, logs);
    if (run_.status == Run::Status::running && !host_.is_replay())
      run_.time.add({state.global_step, state.epoch, seconds_before_ + plugins::monotonic_seconds() - begun_});
    look_at(control, state);
    update(state);
  }

  void on_save(const Arguments& args, const State& state, Control& control) override {
    if (!file_) return;
    const std::filesystem::path directory =
        trainer::sdk::path_of(args["output_dir"].text()) / ("checkpoint-" + std::to_string(state.global_step));
    if (run_.checkpoints.empty() || run_.checkpoints.back().text != trainer::sdk::text_of(directory))
      run_.checkpoints.push_back({state.global_step, state.epoch, trainer::sdk::text_of(directory)});
    look_at(control, state);
    update(state);
  }

  void on_epoch_end(const Arguments&, const State& state, Control& control) override {
    if (file_) look_at(control, state);
  }

  void on_train_end(const Arguments&, const State& state, Control& control) override {
    if (!file_) return;
    look_at(control, state);
    forget_removed_checkpoints();
    run_.status = Run::Status::finished;
    update(state);
  }

  void on_outcome(const trainer::sdk::Outcome& outcome) override {
    if (!file_) return;
    if (run_.status == Run::Status::running)
      return end_early(outcome.is_failed() ? "failed: " + std::string(outcome.error()) : "the training ended early");
    const std::string why = outcome.is_interrupted() ? "stopped by signal " + std::to_string(outcome.signal())
                            : outcome.by().empty()   ? std::string()
                                                     : std::string(outcome.by()) + " stopped the training";
    if (!stop_ || why.empty()) return;
    run_.events[*stop_].text = why;
    file_->write(run_);
  }

  std::vector<trainer::sdk::Result> results() const override {
    if (!file_) return {};
    return {{"report", trainer::sdk::text_of(file_->path())}};
  }

  void on_line(std::uint32_t stream, std::string_view text) noexcept override {
    constexpr std::string_view word = "warning: ";
    if (stream != TRAINER_STDERR || !text.starts_with(word)) return;
    try {
      const std::lock_guard lock(lines_mutex_);
      if (lines_.size() < 1000) lines_.emplace_back(text.substr(word.size()));
    } catch (...) {  // memory is short; the console has the line
    }
  }

 private:
  void open(const Arguments& args) {
    if (file_) return;
    const Value path = host_.config("path");
    file_.emplace(path.is_string() ? trainer::sdk::path_of(path.text())
                                   : trainer::sdk::path_of(args["output_dir"].text()) / "report.html");
    trainer::sdk::make_directory(std::filesystem::absolute(file_->path()).parent_path());
  }

  void start() {
    run_ = Run();
    seconds_before_ = 0;
    const auto kept = file_->keep_aside();
    if (!kept.empty())
      host_.info(trainer::sdk::text_of(file_->path()) + " of an earlier run is kept as " + trainer::sdk::text_of(kept));
  }

  // The history knows all that was logged; the page before, when it was, and what happened beside.
  void resume(const State& state) {
    auto earlier = html::read_page(file_->path(), state.global_step);
    run_ = Run();
    seconds_before_ = 0;
    if (earlier) {
      run_.time = std::move(earlier->time);
      run_.checkpoints = std::move(earlier->checkpoints);
      run_.events = std::move(earlier->events);
      run_.warnings = std::move(earlier->warnings);
      const auto times = run_.time.points();
      if (!times.empty()) seconds_before_ = times.back().value;
    }
    html::record_history(run_, host_, state.global_step);
    run_.events.push_back({state.global_step, state.epoch, "resumed"});
  }

  // An evaluation outside of a training adds to what is there; whether there was something.
  bool go_on() {
    auto earlier = html::read_page(file_->path(), std::numeric_limits<std::int64_t>::max());
    if (earlier) run_ = std::move(*earlier);
    return earlier.has_value();
  }

  // That the training shall stop before its last step, told once; who wants it, the outcome says.
  void look_at(const Control& control, const State& state) {
    if (control.should_training_stop == 0 || stop_ || state.global_step >= state.max_steps) return;
    stop_ = run_.events.size();
    run_.events.push_back({state.global_step, state.epoch, "stopped before the last step"});
  }

  void end_early(std::string why) {
    run_.status = Run::Status::unknown;
    run_.events.push_back({run_.global_step, run_.epoch, std::move(why)});
    take_warnings();
    file_->write(run_);
  }

  // save_total_limit deletes some.
  void forget_removed_checkpoints() {
    std::error_code error;
    std::erase_if(run_.checkpoints, [&](const report::Note& one) {
      return !std::filesystem::exists(trainer::sdk::path_of(one.text), error);
    });
  }

  void take_warnings() {
    std::vector<std::string> lines;
    {
      const std::lock_guard lock(lines_mutex_);
      lines.swap(lines_);
    }
    for (std::string& line : lines) run_.add_warning({run_.global_step, run_.epoch, std::move(line)});
  }

  // While the training goes on, a page is begun only when the one before is old enough, and written behind its back.
  void update(const State& state) {
    html::record_state(run_, state);
    const double now = plugins::monotonic_seconds();
    const bool running = run_.status == Run::Status::running;
    if (running && (now < next_ || !file_->is_idle())) return;
    take_warnings();
    if (!running) {
      file_->write(run_);
      return;
    }
    next_ = now + interval_;
    file_->write_behind(run_, std::max(1.0, interval_));
  }

  Host host_;
  double interval_;
  std::optional<html::PageFile> file_;
  Run run_;
  double begun_ = 0, seconds_before_ = 0;  // of the training, and what it took before it was resumed
  double next_ = 0;                        // when a page is due
  bool before_training_ = false;           // the page was begun by an evaluation of this instance
  std::optional<std::size_t> stop_;        // the event that says that the training stops
  std::mutex lines_mutex_;
  std::vector<std::string> lines_;  // warnings that are not yet on the page
};

}  // namespace

// The note is JSON.
// clang-format off
TRAINER_PLUGIN(Html, {
  "id": "html",
  "version": TRAINER_VERSION,
  "report_to": "html",
  "description": "Draws the run: report.html, one file for any browser.",
  "config": {
    "path": {
      "type": ["string", "null"],
      "default": null,
      "description": "the file to write; report.html in output_dir by default"
    },
    "interval": {
      "type": "number",
      "default": 5,
      "minimum": 0,
      "description": "least seconds between updates of the page while the training goes on"
    }
  }
})
// clang-format on
