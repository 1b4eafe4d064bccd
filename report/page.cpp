// SPDX-License-Identifier: Apache-2.0
//
// The page is its template with the runs as JSON in it; page/*.js makes all else of them.
#include "report/page.hpp"

#include "report/json_text.hpp"
#include "report/page_text.hpp"

namespace trainer::report {
namespace {

constexpr std::string_view data_begin = "<script type=\"application/json\" id=\"data\">";
constexpr std::string_view costs_begin = "<script type=\"application/json\" id=\"costs\">";
constexpr std::string_view block_end = "</script>";

std::string_view block(std::string_view page, std::string_view begin) {
  const std::size_t at = page.find(begin);
  if (at == page.npos) return {};
  page.remove_prefix(at + begin.size());
  const std::size_t end = page.find(block_end);
  return end == page.npos ? std::string_view() : page.substr(0, end);
}

/// Writes one object or list after the other, with the commas between.
class Writer {
 public:
  explicit Writer(std::string& out) : out_(out) {}

  Writer& key(std::string_view name) {
    comma();
    append_json_text(out_, name);
    out_ += ':';
    first_ = true;  // no comma before the value
    return *this;
  }
  void open(char bracket) {
    comma();
    out_ += bracket;
    first_ = true;
  }
  void close(char bracket) {
    out_ += bracket;
    first_ = false;
  }
  void text(std::string_view value) { comma(), append_json_text(out_, value); }
  void number(double value) { comma(), append_json_number(out_, value); }
  void number(std::int64_t value) { comma(), append_json_number(out_, value); }
  void number(std::uint64_t value) { number(static_cast<std::int64_t>(value)); }

 private:
  void comma() {
    if (!first_) out_ += ',';
    first_ = false;
  }
  std::string& out_;
  bool first_ = true;
};

void write_curve(Writer& out, std::string_view name, const Curve& curve) {
  const std::vector<Point> points = curve.points();
  out.open('{');
  out.key("name").text(name);
  out.key("logged").number(curve.logged());
  out.key("span").number(curve.span());
  out.key("steps").open('[');
  for (const Point& point : points) out.number(point.step);
  out.close(']');
  out.key("epochs").open('[');
  for (const Point& point : points) out.number(point.epoch);
  out.close(']');
  out.key("values").open('[');
  for (const Point& point : points) out.number(point.value);
  out.close(']');
  out.close('}');
}

void write_pairs(Writer& out, std::string_view key, const std::vector<std::pair<std::string, std::string>>& pairs) {
  out.key(key).open('[');
  for (const auto& [name, value] : pairs) {
    out.open('[');
    out.text(name);
    out.text(value);
    out.close(']');
  }
  out.close(']');
}

void write_notes(Writer& out, std::string_view key, const std::vector<Note>& notes) {
  out.key(key).open('[');
  for (const Note& note : notes) {
    out.open('{');
    out.key("step").number(note.step);
    out.key("epoch").number(note.epoch);
    out.key("text").text(note.text);
    out.close('}');
  }
  out.close(']');
}

template <typename T>
void write_if(Writer& out, std::string_view key, const std::optional<T>& value) {
  if (value) out.key(key).number(*value);
}

void write_state(Writer& out, const Run& run) {
  static constexpr std::string_view names[] = {"unknown", "running", "finished"};
  out.key("name").text(run.name);
  out.key("directory").text(run.directory);
  out.key("status").text(names[static_cast<std::size_t>(run.status)]);
  out.key("updated").number(run.updated);
  out.key("global_step").number(run.global_step);
  out.key("max_steps").number(run.max_steps);
  out.key("num_train_epochs").number(run.num_train_epochs);
  out.key("num_input_tokens_seen").number(run.num_input_tokens_seen);
  out.key("epoch").number(run.epoch);
  out.key("total_flos").number(run.total_flos);
  write_if(out, "best_metric", run.best_metric);
  write_if(out, "best_global_step", run.best_global_step);
  if (!run.best_model_checkpoint.empty()) out.key("best_model_checkpoint").text(run.best_model_checkpoint);
  write_if(out, "train_seconds", run.train_seconds);
  write_if(out, "data_seconds", run.data_seconds);
}

void write_model(Writer& out, const Run& run) {
  out.key("model_config").text(run.model_config);
  out.key("parameter_tensors").number(run.parameter_tensors);
  out.key("parameter_elements").number(run.parameter_elements);
  out.key("parameters").open('[');
  for (const Tensor& tensor : run.parameters) {
    out.open('{');
    out.key("name").text(tensor.name);
    out.key("shape").open('[');
    for (const std::int64_t size : tensor.shape) out.number(size);
    out.close(']');
    out.key("dtype").text(tensor.dtype);
    out.close('}');
  }
  out.close(']');
}

void write_callbacks(Writer& out, const Run& run) {
  out.key("callbacks").open('[');
  for (const CallbackLine& callback : run.callbacks) {
    out.open('{');
    out.key("name").text(callback.name);
    if (callback.seconds) {
      out.key("seconds").number(*callback.seconds);
      out.key("calls").number(callback.calls);
      out.key("errors").number(callback.errors);
    }
    out.close('}');
  }
  out.close(']');
}

void write_class_names(Writer& out, const Run& run) {
  if (run.class_names.empty()) return;
  out.key("class_names").open('[');
  for (const std::string& name : run.class_names) out.text(name);
  out.close(']');
}

void write_results(Writer& out, const Run& run) {
  if (run.results.empty()) return;
  out.key("results").open('[');
  for (const Result& one : run.results) {
    out.open('[');
    for (const std::string* text : {&one.label, &one.place, &one.view}) out.text(*text);
    out.close(']');
  }
  out.close(']');
}

void write_run(Writer& out, const Run& run) {
  out.open('{');
  write_state(out, run);
  write_pairs(out, "arguments", run.arguments);
  write_model(out, run);
  write_callbacks(out, run);
  write_results(out, run);
  write_notes(out, "checkpoints", run.checkpoints);
  write_notes(out, "events", run.events);
  write_notes(out, "warnings", run.warnings);
  out.key("warnings_left_out").number(run.warnings_left_out);
  write_pairs(out, "texts", run.texts);
  write_class_names(out, run);
  out.key("time");
  write_curve(out, "", run.time);
  out.key("curves").open('[');
  for (const auto& [name, curve] : run.curves) write_curve(out, name, curve);
  out.close(']');
  out.close('}');
}

}  // namespace

std::string page(const std::vector<const Run*>& runs, double renewed_every) {
  std::string text(page_before_data);
  const bool has_costs = runs.size() == 1 && !runs.front()->costs.empty();
  ((text += costs_begin) += has_costs ? runs.front()->costs : "null") += block_end;
  (text += '\n') += data_begin;
  Writer out(text);
  out.open('{');
  out.key("format").number(std::int64_t{1});
  out.key("renewed_every").number(renewed_every);
  out.key("runs").open('[');
  for (const Run* run : runs) write_run(out, *run);
  out.close(']');
  out.close('}');
  text += block_end;
  text += page_after_data;
  return text;
}

std::string_view page_data(std::string_view page) { return block(page, data_begin); }

bool set_costs(std::string& page, const Run& run) {
  const std::string_view found = block(page, costs_begin);
  if (found.empty()) return false;
  std::string text;
  Writer out(text);
  out.open('{');
  write_if(out, "train_seconds", run.train_seconds);
  write_if(out, "data_seconds", run.data_seconds);
  write_callbacks(out, run);
  write_class_names(out, run);
  out.close('}');
  page.replace(static_cast<std::size_t>(found.data() - page.data()), found.size(), text);
  return true;
}

std::string_view page_costs(std::string_view page) { return block(page, costs_begin); }

}  // namespace trainer::report
