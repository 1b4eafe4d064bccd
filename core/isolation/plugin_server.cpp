// SPDX-License-Identifier: Apache-2.0
//
// The plugin's process: a plugin, one instance of it, and the events of a run that is elsewhere.
#include "isolation/plugin_server.hpp"

#include <trainer/ext/console.h>
#include <trainer/ext/outcome.h>
#include <trainer/ext/results.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include "base/process.hpp"
#include "border/call_check.hpp"
#include "border/map_view.hpp"
#include "border/plugin_call.hpp"
#include "border/plugin_host.hpp"
#include "discovery/plugin_config.hpp"
#include "discovery/plugin_file.hpp"
#include "isolation/confinement.hpp"
#include "isolation/event_record.hpp"
#include "isolation/remote_host.hpp"
#include "isolation/ring.hpp"
#include "isolation/trainer_link.hpp"
#include "isolation/words.hpp"
#include "loading/availability.hpp"
#include "loading/plugin_entry.hpp"
#include "loading/plugin_library.hpp"
#include "loading/plugin_ranks.hpp"
#include "trainer/callback_handler.hpp"
#include "trainer/console.hpp"
#include "trainer/error.hpp"
#include "trainer/event_names.hpp"
#include "trainer/log.hpp"
#include "trainer/trainer_control.hpp"

namespace trainer::isolation {
namespace {

// How long the process sleeps when there is nothing to do: the events of a ring have nobody to wake it.
constexpr double shortest_nap = 0.001, longest_nap = 0.02;

class PluginServer {
 public:
  PluginServer() {
    log::set_level(log::Level::debug);  // the trainer knows which it wants
    log::set_sink([this](log::Level level, std::string_view text) {
      std::string message;
      Writer out(message);
      out.put(Message::log), out.put(static_cast<std::uint32_t>(level)), out.text(text);
      link_.send(message);
    });
  }
  ~PluginServer() { log::set_sink({}); }

  void serve();

 private:
  void take(std::string_view message);
  std::string answer(What what, Reader& in);
  std::string load(Reader& in);
  std::string ask_available(Reader& in);
  std::string create(Reader& in);
  void tell_outcome(Reader& in);
  std::string answer_event(std::string_view record);
  Failure fire(bool waited_for);
  Failure call(trainer_slot slot, const trainer_event& event);
  void take_ring(std::uint64_t up_to);
  void report(const Failure& failure);
  void report_others();
  void keep_state();
  void show_line(Reader& in);
  void tell_unheard_flags();

  TrainerLink link_;
  RemoteHost remote_{link_};
  EventReader run_;
  HostContext context_{.args = &run_.args, .state = &run_.state, .model_config_json = {}};
  std::unique_ptr<child::SharedMemory> memory_;
  std::optional<RingReader> ring_;
  std::shared_ptr<PluginLibrary> library_;
  std::shared_ptr<CallbackEntry> entry_;
  std::string name_, state_;  // state_: the last that was told, as bytes
  bool tells_states_ = false, told_unheard_ = false, over_ = false;
};

void PluginServer::serve() {
  for (double nap = shortest_nap; !over_;) {
    const bool last = link_.gone();  // so that the ring gets nothing more
    const std::uint64_t before = ring_ ? ring_->taken() : 0;
    if (ring_) take_ring(~std::uint64_t{0});
    if (ring_ && ring_->taken() != before)
      nap = shortest_nap;
    else
      nap = std::min(nap * 1.2, longest_nap);
    if (const std::string message = link_.receive(nap); !message.empty())
      take(message);
    else if (last)
      end_everything();  // as if it had been in the trainer, but with all its events
    report_others();
  }
}

// Up to a place, beyond which comes what a message says.
void PluginServer::take_ring(std::uint64_t up_to) {
  std::string_view record;
  while (ring_->taken() < up_to && ring_->next(record)) {
    run_.read(record);
    const Failure failure = fire(false);
    ring_->done();
    if (failure.kind != Failure::none) report(failure);
    report_others();
    keep_state();
  }
}

void PluginServer::take(std::string_view message) {
  Reader in(message);
  const auto kind = in.get<Message>();
  if (kind == Message::line) return show_line(in);
  if (kind != Message::question) return;
  const auto id = in.get<std::uint64_t>();
  const auto place = in.get<std::uint64_t>();
  if (ring_) take_ring(place);
  std::string text;
  Writer out(text);
  out.put(Message::answer), out.put(id);
  const std::size_t begin = text.size();
  const auto refuse = [&](Refusal kind, ErrorId error_id, const std::string& sentence) {
    text.resize(begin);
    out.put(std::uint32_t{0}), out.put(kind), out.text(error_id.text), out.text(sentence);
  };
  try {
    const auto what = in.get<What>();
    out.put(std::uint32_t{1});
    text += answer(what, in);
    if (what != What::event) report_others();
  } catch (const Error& e) {
    refuse(e.kind() == ErrorKind::usage ? Refusal::usage : Refusal::run, e.id(), e.sentence());
  } catch (const std::exception& e) {
    refuse(Refusal::reason, error_id::run_failed, "its process failed: " + std::string(e.what()));
  }
  if (link_.send(text)) return;
  refuse(Refusal::reason, error_id::callback_failed, "its answer is too long: " + too_long(text.size()));
  link_.send(text);
}

std::string PluginServer::answer(What what, Reader& in) {
  std::string text;
  Writer out(text);
  switch (what) {
    case What::load:
      return load(in);
    case What::available:
      return ask_available(in);
    case What::create:
      return create(in);
    case What::event:
      return answer_event(in.rest());
    case What::save:
      out.object(entry_->state());
      return text;
    case What::restore: {
      auto restored = entry_->restored(in.object());
      entry_->turned(false);
      entry_ = std::move(restored);
      entry_->turned(true);
      return text;
    }
    case What::ended:
      tell_outcome(in);
      return text;
    case What::results: {
      const auto results = entry_->results();
      out.put(static_cast<std::uint64_t>(results.size()));
      for (const auto& one : results) out.text(one.label), out.text(one.place), out.text(one.view);
      return text;
    }
    case What::keep:
      entry_->save_files(std::string(in.text()));
      return text;
    case What::take:
      entry_->load_files(std::string(in.text()));
      return text;
    case What::destroy:
      entry_->turned(false);
      entry_.reset();
      over_ = true;
      return text;
  }
  return text;
}

std::string PluginServer::load(Reader& in) {
  const json::object given = in.object();
  const auto text_of = [&](const char* key) { return std::string(given.at(key).as_string()); };
  const std::filesystem::path path = text_of("path");
  const auto memory = given.at("ring_size").to_number<std::size_t>();
  memory_ = std::make_unique<child::SharedMemory>(text_of("ring"), memory, true);
  ring_.emplace(memory_->data(), memory - ring_memory(0));
  run_.args.update(in.object(), "the arguments of the trainer");
  context_.model_config_json = text_of("model_config");
  context_.replay = given.at("replay").as_bool();
  const auto number = [&](std::size_t i) { return given.at("process").as_array().at(i).to_number<std::uint32_t>(); };
  context_.process = {number(0), number(1), number(2), number(3), number(4), number(5)};
  remote_.fill(context_, given.at("tensors").as_bool(), given.at("model").as_bool(), given.at("objects").as_bool(),
               given.at("optimizer").as_bool());
  if (given.at("checkpoints").as_bool()) context_.checkpoints = &run_.places;
  PluginFile file = read_plugin_file(path);
  file.sha256 = text_of("sha256");
  for (const auto& library : given.at("libraries").as_object())
    file.libraries.emplace(library.key(), library.value().as_string());
  library_ = PluginLibrary::load(file, TrialLoad::done);
  std::string text;
  Writer(text).put(static_cast<std::uint32_t>(context_.process.world_size > 1 ? runs_on(*library_) : RunsOn::all));
  return text;
}

std::string PluginServer::ask_available(Reader& in) {
  const PluginNote& note = library_->file().note;
  const json::object config = in.object();
  const PluginHost host(note.id, resolve_config(note.config, note.id, config, in.text()), context_);
  const Availability found = ask_availability(*library_, &host);
  std::string text;
  Writer out(text);
  out.put(static_cast<std::uint32_t>(found.use)), out.text(found.reason);
  return text;
}

std::string PluginServer::create(Reader& in) {
  const json::object config = in.object();
  const std::string place(in.text());
  tells_states_ = in.get<std::uint32_t>() != 0;
  entry_ = make_plugin_entry(library_, config, OnError::fail, context_, place);
  name_ = entry_->name;
  entry_->on = true;
  entry_->turned(true);
  const trainer_callback& table = *entry_->table;
  const auto has = [&](const char* id) {
    return static_cast<std::uint32_t>(table.get_extension && table.get_extension(entry_->table, id) != nullptr);
  };
  std::string text;
  Writer out(text);
  out.text(entry_->class_name);
  out.put(static_cast<std::uint32_t>(entry_->stateful()));
  out.put(has(TRAINER_EXT_CONSOLE));
  out.put(static_cast<std::uint32_t>(remote_.wants_answers()));
  out.put(static_cast<std::uint32_t>(entry_->keeps_files()));
  out.put(has(TRAINER_EXT_RESULTS)), out.put(has(TRAINER_EXT_OUTCOME));
  return text;
}

void PluginServer::tell_outcome(Reader& in) {
  TrainingOutcome outcome;
  outcome.kind = in.get<TrainingOutcome::Kind>();
  outcome.global_step = in.get<std::int64_t>(), outcome.max_steps = in.get<std::int64_t>();
  outcome.epoch = in.get<double>(), outcome.signal = in.get<int>();
  outcome.by = std::string(in.text()), outcome.error = std::string(in.text());
  outcome.error_id = std::string(in.text());
  entry_->ended(outcome);
}

Failure PluginServer::call(trainer_slot slot, const trainer_event& event) {
  Failure out{.event = event.kind, .step = run_.state.global_step};
  AskedFor asked(moment(), event.kind);
  asked.is(known_name(name_));
  asked.at(run_.state.global_step);
  try {
    out.code = slot(entry_->table, &event);
    if (out.code != TRAINER_OK) out.kind = Failure::status, out.reason = entry_->take_error();
  } catch (const std::exception& e) {
    out.kind = Failure::threw;
    out.reason = std::string("an exception left it, which is not allowed: ") + e.what();
  } catch (...) {
    out.kind = Failure::threw;
    out.reason = "an exception left it, which is not allowed";
  }
  if (!call_check::on) return out;
  if (const std::string misuse = call_check::take_misuse(name_); !misuse.empty())
    out.kind = Failure::misuse, out.reason = "it " + misuse;
  return out;
}

// The event that was read last.
Failure PluginServer::fire(bool waited_for) {
  const trainer_slot slot = slot_of(*entry_->table, run_.event.kind);
  if (!slot) return {};
  trainer_state view;
  run_.state.fill(view);
  MapView map(run_.values ? &*run_.values : nullptr, false);
  const trainer_event event{sizeof(trainer_event),           run_.event.kind, &view, &run_.control,
                            run_.values ? &map : nullptr,    run_.event.has,  0,     run_.event.eval_dataloader_size,
                            run_.event.train_dataloader_size};
  RingHead& head = ring_->head();
  head.step.store(run_.state.global_step, std::memory_order_relaxed);
  head.doing.store(event.kind + 1, std::memory_order_relaxed);
  remote_.begin(waited_for);
  const trainer_control before = run_.control;
  Failure failure = call(slot, event);
  remote_.end();
  head.doing.store(0, std::memory_order_relaxed);
  if (!waited_for && std::memcmp(&before, &run_.control, sizeof before) != 0) tell_unheard_flags();
  return failure;
}

std::string PluginServer::answer_event(std::string_view record) {
  run_.read(record);
  std::string before, after;
  if (run_.values) Writer(before).object(*run_.values);
  const Failure failure = fire(true);
  if (run_.values) Writer(after).object(*run_.values);
  report_others();
  keep_state();
  std::string text;
  Writer out(text);
  failure.put(out);
  for (const auto& flag : control_flags) out.put(run_.control.*flag.field);
  out.put(static_cast<std::uint32_t>(before != after));
  if (before != after) text += after;
  return text;
}

void PluginServer::report(const Failure& failure) {
  std::string message;
  Writer out(message);
  out.put(Message::failed);
  failure.put(out);
  link_.send(message);
}

// What came of other threads than this one: lines of the console that failed, and requests to end the training.
void PluginServer::report_others() {
  if (!entry_) return;
  if (entry_->take_stop_request()) {
    std::string message;
    Writer(message).put(Message::stop);
    link_.send(message);
  }
  if (const auto failure = entry_->take_failure_between_events())
    report({.kind = Failure::status,
            .event = TRAINER_EVENT_COUNT,
            .step = run_.state.global_step,
            .reason = failure->sentence()});
}

// For a new process, when this one has to be replaced.
void PluginServer::keep_state() {
  if (!tells_states_ || !entry_->stateful() || is_within_a_step(run_.event.kind)) return;
  try {
    std::string now;
    Writer(now).object(entry_->state());
    if (now == state_) return;
    std::string message;
    Writer(message).put(Message::state);
    link_.send(message += now);
    state_ = std::move(now);
  } catch (const Error& e) {
    log::debug(e.what());
  }
}

void PluginServer::show_line(Reader& in) {
  const auto place = in.get<std::uint64_t>();
  if (ring_) take_ring(place);
  const auto stream = in.get<std::uint32_t>() == TRAINER_STDOUT ? console::Stream::out : console::Stream::error;
  const console::Line line(stream, in.text());  // shown to those who listen, and to nobody else
  (void)line;
}

void PluginServer::tell_unheard_flags() {
  if (std::exchange(told_unheard_, true)) return;
  log::warning(name_ + " changes flags in " + std::string(event_name(run_.event.kind)) +
               ", which has no effect, as the trainer does not wait for it; set \"wait\": true beside \"isolation\"");
}

}  // namespace

int serve_plugin(const ServerOptions& options) {
  const auto missing = confine(options);
  set_variable("TRAINER_PLUGIN_DEADLINE", "0");  // the trainer looks after its calls,
  set_variable("TRAINER_PLUGIN_TRUST", "any");   // and has decided whose files are loaded
  PluginServer server;
  for (const std::string& sentence : missing) log::warning(sentence);
  server.serve();
  return 0;
}

}  // namespace trainer::isolation
