// SPDX-License-Identifier: Apache-2.0
#include "command/check_report.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <optional>

#include "base/text.hpp"
#include "command/column_survey.hpp"
#include "command/evaluation_names.hpp"
#include "command/print.hpp"
#include "command/run_model.hpp"
#include "command/tensor_memory.hpp"
#include "exported/compiled_step.hpp"
#include "state/checkpoint_names.hpp"
#include "trainer/error.hpp"
#include "trainer/json_lines_dataset.hpp"
#include "trainer/log.hpp"

namespace trainer::command {
namespace {

// Whether looking at rows takes them from nobody: those of a pipe come once.
bool may_be_read(const AnyDataset& set) {
  const auto* stream = dynamic_cast<const JsonLinesDataset*>(&set);
  return !stream || !stream->reads_once();
}

std::optional<Row> first_row(const AnyDataset& set) {
  if (!may_be_read(set)) return std::nullopt;
  if (const auto* stream = dynamic_cast<const IterableDataset*>(&set)) return stream->stream(0)();
  const auto* rows = dynamic_cast<const Dataset*>(&set);
  if (!rows || rows->size() == 0) return std::nullopt;
  return rows->get_rows(at::zeros({1}, at::kLong))[0];
}

// Of the first row; others may have another length.
std::string columns_text(const AnyDataset& set) {
  const auto first = first_row(set);
  if (!first) return may_be_read(set) ? "" : "a pipe, of which nothing is read before the training";
  std::string out;
  for (const auto& [name, tensor] : *first)
    out += (out.empty() ? "first row: " : "; ") + name + " " + type_text(tensor.scalar_type(), tensor.sizes());
  return out;
}

void add_set(CheckLines& lines, const std::string& name, const std::filesystem::path& file,
             const std::shared_ptr<AnyDataset>& set) {
  if (!set) return;
  const auto* rows = dynamic_cast<const Dataset*>(set.get());
  lines.emplace_back(name, file.string() + ": " + (rows ? count_text(rows->size(), "row") : "a stream of rows"));
  if (const auto columns = columns_text(*set); !columns.empty()) lines.emplace_back("", columns);
}

std::int64_t bytes_of(const at::Tensor& tensor) { return tensor.numel() * tensor.element_size(); }

std::string compiled_text(const exported::CompiledStep& step, const TrainingArguments& args) {
  return std::string(step.updates(args.gradient_accumulation_steps) ? "loss, gradients, clipping and AdamW"
                                                                    : "loss and gradients") +
         " in one call, for " + "batches of " + count_text(step.facts().batch_size, "row") + "; " + step.facts().target;
}

// What an optimizer keeps of each parameter, in copies of it.
double copies(const TrainingArguments& args) {
  if (args.optim == "adafactor") return 0;  // a row and a column of each
  if (args.optim == "sgd") return args.optim_args.value_or("").find("momentum") != std::string::npos ? 1 : 0;
  return args.optim.starts_with("adamw") ? 2 : 1;
}

double trained_bytes(const Trainer& trainer) {
  double out = 0;
  for (const auto& parameter : named_parameters(trainer.model()))
    if (parameter.tensor.requires_grad()) out += static_cast<double>(bytes_of(parameter.tensor));
  return out;
}

double model_bytes(const Trainer& trainer) {
  double out = 0;
  for (const auto& [name, tensor] : state_dict(trainer.model().module())) out += static_cast<double>(bytes_of(tensor));
  return out;
}

class Silence {
 public:
  Silence() { log::set_level(log::Level::error); }
  ~Silence() { log::set_level(log::Level::warning); }  // as check has it
};

std::string loss_text(const at::Tensor& loss) { return loss.defined() ? number_text(loss.item<double>()) : "none"; }

// Of a phase that ends at the last step: "every 20 steps, 9 times".
std::string times_text(const std::string& strategy, double every, const TrainingPlan& plan, bool last) {
  if (strategy == "no") return "never";
  if (strategy == "best") return "when the watched metric is better than before";
  const auto steps = static_cast<std::int64_t>(every);
  if (strategy == "epoch")
    return "at the end of each epoch" + (plan.is_stream ? "" : ", " + count_text(plan.num_train_epochs, "time"));
  if (steps < 1) return last ? "at the end" : "never";
  const auto times = plan.max_steps / steps + (last && plan.max_steps % steps ? 1 : 0);
  return "every " + (steps == 1 ? "step" : std::to_string(steps) + " steps") + ", " + count_text(times, "time");
}

}  // namespace

std::string bytes_text(double bytes) {
  static constexpr const char* units[] = {"B", "kB", "MB", "GB", "TB"};
  std::size_t unit = 0;
  for (; bytes >= 1000 && unit + 1 < std::size(units); ++unit) bytes /= 1000;
  char text[40];
  std::snprintf(text, sizeof text, unit == 0 ? "%.0f %s" : "%.3g %s", bytes, units[unit]);
  return text;
}

CheckLines check_model(Trainer& trainer, const RunFile& run) {
  std::int64_t all = 0, trained = 0;
  for (const auto& parameter : named_parameters(trainer.model())) {
    all += parameter.tensor.numel();
    if (parameter.tensor.requires_grad()) trained += parameter.tensor.numel();
  }
  const std::string what = run.model.file.empty() ? json::dump(run.model_json) : run.model.file.string();
  CheckLines lines{{"model", what},
                   {"", count_text(all, "parameter") + ", " + bytes_text(model_bytes(trainer)) +
                            (trained == all ? "" : "; " + std::to_string(trained) + " of them are trained")}};
  if (!run.init_from.empty()) lines.emplace_back("", "weights of " + run.init_from.string());
  if (auto* holder = dynamic_cast<exported::CompiledModel*>(&trainer.model()); holder && holder->compiled_step())
    lines.emplace_back("compiled", compiled_text(*holder->compiled_step(), trainer.args()));
  return lines;
}

CheckLines check_data(const Session& session) {
  CheckLines lines;
  const auto& files = session.run_file().data;
  const RunDatasets& data = session.data();
  add_set(lines, "train", files.train, data.train());
  for (const auto& [name, set] : data.eval()) {
    std::filesystem::path file = files.train;  // with data.split
    for (const auto& [other, path] : files.eval)
      if (other == name) file = path;
    add_set(lines, name.empty() ? "eval" : "eval " + name, file, set);
  }
  add_set(lines, "test", files.test, data.test());
  if (const ClassNames classes = data.classes(); !classes.empty())
    lines.emplace_back("classes", std::to_string(classes.size()) + ": " + join(classes.first_names(20)) +
                                      (classes.size() > 20 ? " ..." : ""));
  return lines;
}

CheckLines check_batches(Trainer& trainer, const Session& session) {
  CheckLines lines;
  const RunDatasets& data = session.data();
  if (data.train() && may_be_read(*data.train())) {
    const auto loader = trainer.get_train_dataloader();
    loader->begin_epoch(0);
    if (auto batch = loader->next()) {
      at::Tensor loss, items;
      if (const auto& labels = (*batch)["labels"]; labels.defined() && trainer.model().accepts_loss_kwargs())
        items = labels.ne(-100).sum().to(at::kFloat);
      const auto peak = peak_tensor_memory([&] { loss = trainer.training_step(*batch, items); });
      const double weights = model_bytes(trainer), state = copies(trainer.args()) * trained_bytes(trainer);
      lines.emplace_back("first batch",
                         count_text(batch->rows(), "row") + ", loss " + loss_text(loss) + " before any training");
      lines.emplace_back("memory", bytes_text(weights + state + static_cast<double>(peak)) + " in tensors: weights " +
                                       bytes_text(weights) + ", optimizer " + bytes_text(state) +
                                       ", gradients and activations of this batch " +
                                       bytes_text(static_cast<double>(peak)));
    }
  }
  return lines;
}

CheckLines check_evaluation(Trainer& trainer, const Session& session) {
  if (session.data().eval().empty()) return {};
  const auto& args = trainer.args();
  const ComputeMetrics metrics = make_run_metrics(session.run_file(), trainer.model());
  bool with_loss = false;
  trainer.model().module().eval();
  for (const auto& [name, set] : session.data().eval()) {
    if (!may_be_read(*set)) continue;
    const auto loader = trainer.get_eval_dataloader(set);
    loader->begin_epoch(0);
    auto batch = loader->next();
    if (!batch) continue;
    const auto p = trainer.prediction_step(std::move(*batch), false);
    with_loss = with_loss || p.loss.defined();
    // Of a batch alone a metric may have no value, which says nothing of the run.
    const Silence silence;
    if (metrics && !args.prediction_loss_only && p.logits.defined() && p.labels.defined())
      metrics({p.logits.cpu(), p.labels.cpu()});
  }
  const auto names = evaluation_names(session, args, with_loss);
  require_watched_metric(session, args, names);
  CheckLines lines{{"evaluation", join(names)}};
  for (const auto& table : evaluation_tables(session, args)) lines.emplace_back("", table + ", a table for the report");
  return lines;
}

CheckLines check_length(const TrainingPlan& plan, const TrainingArguments& args, int world) {
  TrainerState state;
  state.compute_steps(args, plan.max_steps);
  std::string steps = count_text(plan.max_steps, "step");
  if (!plan.is_stream)
    steps += ", " +
             number_text(static_cast<double>(plan.max_steps) / static_cast<double>(plan.num_update_steps_per_epoch)) +
             " epochs of " + count_text(plan.num_update_steps_per_epoch, "step");
  steps += "; a step is " + count_text(args.per_device_train_batch_size, "row");
  if (world > 1) steps += " × " + std::to_string(world) + " processes";
  if (plan.gradient_accumulation_steps > 1)
    steps += " × " + std::to_string(plan.gradient_accumulation_steps) + " batches";
  return {{"steps", steps},
          {"logs", times_text(args.logging_strategy, state.logging_steps, plan, false)},
          {"evaluates", times_text(args.eval_strategy, state.eval_steps, plan, false)},
          {"saves", times_text(args.save_strategy, state.save_steps, plan, true) +
                        (args.save_total_limit && *args.save_total_limit > 0
                             ? "; the last " + std::to_string(*args.save_total_limit) + " are kept"
                             : "")}};
}

CheckLines check_schedule(Trainer& trainer, const TrainingPlan& plan) {
  const auto optimizer = trainer.create_optimizer();
  const auto scheduler = trainer.create_scheduler(*optimizer, plan.max_steps);
  const auto rate = [&] { return scheduler->get_last_lr().empty() ? 0 : scheduler->get_last_lr()[0]; };
  const std::string type = trainer.args().lr_scheduler_type;
  if (scheduler->metric_driven())
    return {{"learning rate", type + ": " + number_text(rate()) + ", then as evaluations say"}};
  const double first = rate();
  double most = first;
  std::int64_t at = 1;
  for (std::int64_t step = 2; step <= plan.max_steps; ++step) {
    scheduler->step();
    if (rate() > most) most = rate(), at = step;
  }
  std::string text = type + ": " + number_text(first) + " at step 1, ";
  if (at != 1 && at != plan.max_steps) text += number_text(most) + " at step " + std::to_string(at) + ", ";
  return {{"learning rate", text + number_text(rate()) + " at step " + std::to_string(plan.max_steps)}};
}

CheckLines check_files(const Trainer& trainer, const TrainingPlan& plan) {
  const auto& args = trainer.args();
  TrainerState state;
  state.compute_steps(args, plan.max_steps);
  CheckLines lines{{"writes", args.output_dir + ": " + weights_file + ", " + state_file + ", what trackers write"}};
  if (args.save_strategy == "no") return lines;
  const double one = model_bytes(trainer) + (args.save_only_model ? 0 : copies(args) * trained_bytes(trainer));
  lines.emplace_back("", "checkpoints of about " + bytes_text(one) + " each: " +
                             checkpoint_name(std::min<std::int64_t>(
                                 plan.max_steps, args.save_strategy == "steps" && state.save_steps >= 1
                                                     ? static_cast<std::int64_t>(state.save_steps)
                                                     : plan.num_update_steps_per_epoch)) +
                             " ...");
  std::error_code ec;
  if (const auto space = std::filesystem::space(std::filesystem::absolute(args.output_dir).parent_path(), ec); !ec)
    lines.emplace_back("", bytes_text(static_cast<double>(space.available)) + " are free there");
  return lines;
}

}  // namespace trainer::command
