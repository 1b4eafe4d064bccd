// SPDX-License-Identifier: Apache-2.0
#include "isolation/event_record.hpp"

#include <trainer/event.h>

#include <algorithm>
#include <cstddef>

#include "isolation/bytes.hpp"
#include "trainer/trainer_control.hpp"

namespace trainer::isolation {
namespace {

// What may follow the numbers.
enum Part : std::uint32_t {
  values_part = 1,
  texts_part = 2,
  history_part = 4,
  rest_part = 8,
  arguments_part = 16,
  places_part = 32
};

// One block, so that an event of a step is one copy.
struct Numbers {
  Event event;
  double epoch, logging_steps, eval_steps, save_steps, total_flos, best_metric;
  std::int64_t global_step, max_steps, train_batch_size, num_train_epochs, num_input_tokens_seen, best_global_step;
  std::uint32_t integers;  // a bit for each of the six numbers that is an int
  std::uint32_t present;   // of the optional ones: best_metric, best_global_step, train_batch_size
  std::uint32_t is;        // the three flags
  std::uint32_t control[control_flags.size()];
  std::uint32_t parts, unused;
};

Number number(double value, std::uint32_t integers, int bit) {
  return (integers >> bit & 1u) != 0 ? Number(static_cast<std::int64_t>(value)) : Number(value);
}

Numbers numbers_of(const Event& event, const TrainerState& s, const trainer_control& control) {
  Numbers n{};
  n.event = event;
  n.epoch = s.epoch, n.logging_steps = s.logging_steps, n.eval_steps = s.eval_steps, n.save_steps = s.save_steps;
  n.total_flos = s.total_flos;
  n.best_metric = s.best_metric ? static_cast<double>(*s.best_metric) : 0;
  n.global_step = s.global_step, n.max_steps = s.max_steps, n.num_train_epochs = s.num_train_epochs;
  n.train_batch_size = s.train_batch_size.value_or(0), n.best_global_step = s.best_global_step.value_or(0);
  n.num_input_tokens_seen = s.num_input_tokens_seen;
  n.integers = s.epoch.is_integer() | s.logging_steps.is_integer() << 1 | s.eval_steps.is_integer() << 2 |
               s.save_steps.is_integer() << 3 | s.total_flos.is_integer() << 4 |
               (s.best_metric && s.best_metric->is_integer()) << 5;
  n.present = (s.best_metric ? 1u : 0) | (s.best_global_step ? 2u : 0) | (s.train_batch_size ? 4u : 0);
  n.is = (s.is_local_process_zero ? 1u : 0) | (s.is_world_process_zero ? 2u : 0) | (s.is_hyper_param_search ? 4u : 0);
  for (std::size_t i = 0; i < control_flags.size(); ++i) n.control[i] = control.*control_flags[i].field;
  return n;
}

void take(const Numbers& n, TrainerState& s) {
  s.epoch = number(n.epoch, n.integers, 0);
  s.logging_steps = number(n.logging_steps, n.integers, 1);
  s.eval_steps = number(n.eval_steps, n.integers, 2);
  s.save_steps = number(n.save_steps, n.integers, 3);
  s.total_flos = number(n.total_flos, n.integers, 4);
  s.global_step = n.global_step, s.max_steps = n.max_steps, s.num_train_epochs = n.num_train_epochs;
  s.num_input_tokens_seen = n.num_input_tokens_seen;
  s.best_metric.reset(), s.best_global_step.reset(), s.train_batch_size.reset();
  if ((n.present & 1u) != 0) s.best_metric = number(n.best_metric, n.integers, 5);
  if ((n.present & 2u) != 0) s.best_global_step = n.best_global_step;
  if ((n.present & 4u) != 0) s.train_batch_size = n.train_batch_size;
  s.is_local_process_zero = (n.is & 1u) != 0, s.is_world_process_zero = (n.is & 2u) != 0;
  s.is_hyper_param_search = (n.is & 4u) != 0;
}

void put(Writer& out, const std::optional<std::string>& text) {
  out.put(static_cast<std::uint32_t>(text.has_value()));
  if (text) out.text(*text);
}

void take(Reader& in, std::optional<std::string>& text) {
  text.reset();
  if (in.get<std::uint32_t>() != 0) text = std::string(in.text());
}

}  // namespace

json::object arguments_to_json(const TrainingArguments& args) {
  json::object out;
  for (const ArgumentInfo& info : argument_table())
    if (info.supported) out.emplace(info.name, args.get(info.name));
  return out;
}

bool is_within_a_step(std::uint32_t kind) {
  constexpr std::uint32_t kinds = 1u << TRAINER_ON_STEP_BEGIN | 1u << TRAINER_ON_PRE_OPTIMIZER_STEP |
                                  1u << TRAINER_ON_OPTIMIZER_STEP | 1u << TRAINER_ON_SUBSTEP_END |
                                  1u << TRAINER_ON_STEP_END | 1u << TRAINER_ON_PREDICTION_STEP;
  return (kinds >> kind & 1u) != 0;
}

// An entry that is added stands elsewhere than the last one. What was done between events that are seldom is compared.
bool EventWriter::history_changed(const TrainerState& state, bool within_a_step) {
  const auto& history = state.log_history;
  if (history.size() != entries_) return true;
  if (entries_ == 0) return false;
  return &history.back() != last_ || (!within_a_step && !is_last(history.back()));
}

bool EventWriter::is_last(const json::object& entry) {
  scratch_.clear();
  Writer(scratch_).object(entry);
  return scratch_ == last_entry_;
}

// What the history has got, and lost: with a limit the oldest entries go. The last entry that the reader knows is
// looked for from the end.
void EventWriter::append_history(const TrainerState& state) {
  const auto& history = state.log_history;
  std::uint64_t begin = entries_ == 0 ? 0 : history.size();
  while (begin > 0 && !is_last(history[begin - 1])) --begin;
  if (begin > entries_) begin = 0;  // it has got older ones: another run's
  Writer out(bytes_);
  out.put(entries_ - begin);
  out.put(static_cast<std::uint64_t>(history.size() - begin));
  for (std::uint64_t i = begin; i < history.size(); ++i) out.object(history[i]);
  entries_ = history.size();
  last_ = history.empty() ? nullptr : &history.back();
  last_entry_.clear();
  if (last_) Writer(last_entry_).object(*last_);
}

std::string_view EventWriter::write(const Event& event, const TrainingArguments& args, const TrainerState& state,
                                    const trainer_control& control, const json::object* values,
                                    const CheckpointPlaces* places) {
  Numbers numbers = numbers_of(event, state, control);
  const bool within_a_step = is_within_a_step(event.kind);
  std::uint32_t& parts = numbers.parts;
  if (values) parts |= values_part;
  if (first_ || state.best_model_checkpoint != best_model_checkpoint_ || state.trial_name != trial_name_)
    parts |= texts_part;
  if (history_changed(state, within_a_step)) parts |= history_part;
  if (places && (places->saved != places_.saved || places->resumed_from != places_.resumed_from)) parts |= places_part;
  const auto changed = [&](std::string& known, auto&& write) {
    scratch_.clear();
    write(Writer(scratch_));
    if (scratch_ == known) return false;
    known.swap(scratch_);
    return true;
  };
  if (first_ || !within_a_step)
    if (changed(rest_, [&](Writer to) { to.value(state.trial_params), to.object(state.stateful_callbacks); }))
      parts |= rest_part;
  // A program may set some before it trains.
  if (first_ || event.kind == TRAINER_ON_TRAIN_BEGIN)
    if (changed(arguments_, [&](Writer to) { to.object(arguments_to_json(args)); })) parts |= arguments_part;
  first_ = false;
  bytes_.clear();
  Writer out(bytes_);
  out.put(numbers);
  if ((parts & values_part) != 0) out.object(*values);
  if ((parts & texts_part) != 0) {
    put(out, best_model_checkpoint_ = state.best_model_checkpoint);
    put(out, trial_name_ = state.trial_name);
  }
  if ((parts & history_part) != 0) append_history(state);
  if ((parts & rest_part) != 0) bytes_ += rest_;
  if ((parts & arguments_part) != 0) bytes_ += arguments_;
  if ((parts & places_part) != 0) {
    places_ = *places;
    out.text(places_.saved);
    out.text(places_.resumed_from);
  }
  return bytes_;
}

void EventReader::read(std::string_view bytes) {
  Reader in(bytes);
  const auto numbers = in.get<Numbers>();
  event = numbers.event;
  take(numbers, state);
  control = TrainerControl();
  for (std::size_t i = 0; i < control_flags.size(); ++i) control.*control_flags[i].field = numbers.control[i];
  values.reset();
  if ((numbers.parts & values_part) != 0) values = in.object();
  if ((numbers.parts & texts_part) != 0) {
    take(in, state.best_model_checkpoint);
    take(in, state.trial_name);
  }
  if ((numbers.parts & history_part) != 0) {
    auto& history = state.log_history;
    const auto dropped = std::min<std::uint64_t>(in.get<std::uint64_t>(), history.size());
    history.erase(history.begin(), history.begin() + static_cast<std::ptrdiff_t>(dropped));
    for (auto left = in.get<std::uint64_t>(); left > 0; --left) history.push_back(in.object());
  }
  if ((numbers.parts & rest_part) != 0) {
    state.trial_params = in.value();
    state.stateful_callbacks = in.object();
  }
  if ((numbers.parts & arguments_part) != 0) args.update(in.object(), "the arguments of the trainer");
  if ((numbers.parts & places_part) != 0) {
    places.saved = std::string(in.text());
    places.resumed_from = std::string(in.text());
  }
}

}  // namespace trainer::isolation
