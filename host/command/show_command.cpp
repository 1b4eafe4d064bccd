// SPDX-License-Identifier: Apache-2.0
//
// show: a run in the terminal, with small curves.
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "command/options.hpp"
#include "command/print.hpp"
#include "command/result_lines.hpp"
#include "command/run_reader.hpp"
#include "command/text_plot.hpp"

namespace trainer::command {
namespace {

std::string short_number(double v) {
  if (std::isnan(v)) return "nan";
  char text[40];
  std::snprintf(text, sizeof text, "%.6g", v);
  return text;
}

void print_entry(const std::string& name, const std::string& text) {
  print_line("  " + name + std::string(name.size() < 16 ? 16 - name.size() : 1, ' ') + text);
}

// The name under which the best metric was logged.
std::string watched_metric(const report::Run& run) {
  for (const auto& [name, value] : run.arguments) {
    if (name != "metric_for_best_model" || value.size() < 3 || value[0] != '"') continue;
    const std::string metric = value.substr(1, value.size() - 2);
    return metric.starts_with("eval_") ? metric : "eval_" + metric;
  }
  return "best metric";
}

std::string last_of(const report::Run& run, std::string_view name) {
  const report::Curve* curve = run.curve_or_null(name);
  return curve && curve->logged() > 0 ? short_number(curve->points().back().value) : "";
}

void print_facts(const report::Run& run) {
  std::string state = "step " + std::to_string(run.global_step);
  if (run.max_steps > 0) state += " of " + std::to_string(run.max_steps);
  state += ", epoch " + short_number(run.epoch);
  if (run.num_train_epochs > 0) state += " of " + std::to_string(run.num_train_epochs);
  const bool finished = run.status == report::Run::Status::finished;
  print_line(run.name + ": " +
             (!finished                         ? ""
              : run.global_step < run.max_steps ? "stopped at "
                                                : "finished, ") +
             state);
  if (run.best_metric && std::isinf(*run.best_metric) && !run.best_global_step)
    print_entry("best", "none: " + watched_metric(run) + " was never a number");
  else if (run.best_metric)
    print_entry("best", watched_metric(run) + " = " + short_number(*run.best_metric) +
                            (run.best_global_step ? " at step " + std::to_string(*run.best_global_step) : ""));
  if (const std::string time = last_of(run, "train_runtime"); !time.empty())
    print_entry("time", time + " s, " + last_of(run, "train_samples_per_second") + " samples/s, " +
                            last_of(run, "train_steps_per_second") + " steps/s");
  if (run.parameter_tensors > 0)
    print_entry("parameters",
                std::to_string(run.parameter_elements) + " in " + std::to_string(run.parameter_tensors) + " tensors");
  print_results(run.results, print_entry);
  for (const report::Note& event : run.events) print_entry("step " + std::to_string(event.step), event.text);
  for (const report::Note& warning : run.warnings) print_entry("warning", warning.text);
}

bool is_drawn(const std::string& name, const report::Curve& curve) {
  return curve.logged() > 1 && !name.ends_with("_runtime") && !name.ends_with("_per_second");
}

// The loss stands first, and what was evaluated before the rest.
int rank_of(const std::string& name) { return name == "loss" ? 0 : name.starts_with("eval_") ? 1 : 2; }

void print_curve(const std::string& name, const report::Curve& curve, bool utf8) {
  constexpr std::size_t columns = 60, rows = 4;
  std::vector<double> xs, ys;
  double low = INFINITY, high = -INFINITY;
  for (const report::Point& point : curve.points()) {
    xs.push_back(static_cast<double>(point.step)), ys.push_back(point.value);
    if (std::isfinite(point.value)) low = std::min(low, point.value), high = std::max(high, point.value);
  }
  print_line("");
  print_line(name + ": " + short_number(ys.back()) + " at step " + std::to_string(curve.points().back().step));
  const auto lines = text_plot(xs, ys, columns, rows, utf8);
  if (lines.empty()) print_line("  no finite value");
  for (std::size_t row = 0; row < lines.size(); ++row) {
    const std::string label = row == 0 ? short_number(high) : row + 1 == rows ? short_number(low) : "";
    print_line(std::string(label.size() < 12 ? 12 - label.size() : 0, ' ') + label + " | " + lines[row]);
  }
}

void print_checkpoints(const report::Run& run) {
  print_line("");
  if (run.checkpoints.empty()) return print_line("There is no checkpoint to resume from.");
  print_line("Checkpoints that --resume_from_checkpoint can resume from:");
  for (const report::Note& one : run.checkpoints) {
    const std::filesystem::path best(run.best_model_checkpoint), here(one.text);
    const bool is_best = !best.empty() && best.filename() == here.filename();
    print_entry("step " + std::to_string(one.step), one.text + (is_best ? " (the best)" : ""));
  }
}

}  // namespace

int show(const ReportOptions& options) {
  const bool utf8 = terminal_takes_utf8();
  for (const auto& path : options.runs) {
    if (&path != &options.runs.front()) print_line("");
    const report::Run run = read_run(path).run;
    print_facts(run);
    for (const int rank : {0, 1, 2})
      for (const auto& [name, curve] : run.curves)
        if (rank_of(name) == rank && is_drawn(name, curve)) print_curve(name, curve, utf8);
    if (!run.directory.empty()) print_checkpoints(run);
  }
  return 0;
}

}  // namespace trainer::command
