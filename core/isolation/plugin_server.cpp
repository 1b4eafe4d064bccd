// SPDX-License-Identifier: Apache-2.0
//
// The plugin's process: it hears of the events of a run that is elsewhere, and says what came of them.
#include "isolation/plugin_server.hpp"

#include <trainer/ext/console.h>

#include <algorithm>

#include "base/process.hpp"
#include "isolation/confinement.hpp"
#include "isolation/served_plugin.hpp"
#include "isolation/trainer_link.hpp"
#include "isolation/words.hpp"
#include "trainer/console.hpp"
#include "trainer/error.hpp"
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
  std::string answer_event(std::string_view record);
  void take_ring(std::uint64_t up_to);
  void report(const Failure& failure);
  void report_others();
  void keep_state();
  void show_line(Reader& in);

  TrainerLink link_;
  ServedPlugin served_{link_};
  std::string state_;  // the last that was told, as bytes
};

void PluginServer::serve() {
  for (double nap = shortest_nap; !served_.over;) {
    const bool last = link_.gone();  // so that the ring gets nothing more
    const std::uint64_t before = served_.ring ? served_.ring->taken() : 0;
    if (served_.ring) take_ring(~std::uint64_t{0});
    if (served_.ring && served_.ring->taken() != before)
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
  while (served_.ring->taken() < up_to && served_.ring->next(record)) {
    served_.run.read(record);
    const Failure failure = served_.fire(false);
    served_.ring->done();
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
  if (served_.ring) take_ring(place);
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
    text += what == What::event ? answer_event(in.rest()) : served_.answer(what, in);
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

std::string PluginServer::answer_event(std::string_view record) {
  served_.run.read(record);
  std::string before, after;
  if (served_.run.values) Writer(before).object(*served_.run.values);
  const Failure failure = served_.fire(true);
  if (served_.run.values) Writer(after).object(*served_.run.values);
  report_others();
  keep_state();
  std::string text;
  Writer out(text);
  failure.put(out);
  for (const auto& flag : control_flags) out.put(served_.run.control.*flag.field);
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
  if (!served_.entry) return;
  if (served_.entry->take_stop_request()) {
    std::string message;
    Writer(message).put(Message::stop);
    link_.send(message);
  }
  if (const auto failure = served_.entry->take_failure_between_events())
    report({.kind = Failure::status,
            .event = TRAINER_EVENT_COUNT,
            .step = served_.run.state.global_step,
            .reason = failure->sentence()});
}

// For a new process, when this one has to be replaced.
void PluginServer::keep_state() {
  if (!served_.tells_states || !served_.entry->stateful() || is_within_a_step(served_.run.event.kind)) return;
  try {
    std::string now;
    Writer(now).object(served_.entry->state());
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
  if (served_.ring) take_ring(place);
  const auto stream = in.get<std::uint32_t>() == TRAINER_STDOUT ? console::Stream::out : console::Stream::error;
  const console::Line line(stream, in.text());  // shown to those who listen, and to nobody else
  (void)line;
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
