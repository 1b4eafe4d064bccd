// SPDX-License-Identifier: Apache-2.0
//
// Sends events to Python, and takes its changes back.
#include "shared/python_bridge/session.hpp"

#include <algorithm>
#include <chrono>
#include <stdexcept>

#include "shared/python_bridge/event_names.hpp"
#include "shared/python_bridge/json_text.hpp"
#include "shared/python_bridge/model.hpp"
#include "shared/python_bridge/session_words.hpp"

namespace trainer::plugins {

void BridgeSession::build(std::uint32_t kind, const trainer_state& state, const trainer_control& control,
                          const sdk::Map* values, std::uint64_t id) {
  text_ = "{\"on\":\"";
  text_ += event_names[kind];
  text_ += '"';
  if (id != 0) text_ += ",\"id\":" + std::to_string(id);
  text_ += ",\"state\":";
  append_json(text_, state);
  text_ += ",\"control\":";
  append_json(text_, control);
  if (values != nullptr) {
    text_ += ",\"values\":";
    append_json(text_, *values);
  }
  append_history();
  if (!shapes_sent_ && !host_.is_replay()) {
    const std::size_t size = text_.size();
    text_ += ",\"shapes\":";
    shapes_sent_ = append_shapes(text_, host_);
    if (!shapes_sent_) text_.resize(size);
  }
  text_ += '}';
}

// What log_history has got since the last event, and lost: with a limit the oldest entries go, and its size alone
// says nothing. So the last entry that was sent is looked for, from the end.
void BridgeSession::append_history() {
  const std::uint64_t size = host_.log_history_size();
  std::uint64_t begin = size;
  for (; begin > 0; --begin) {
    entry_.clear();
    append_json(entry_, host_.log_history_at(begin - 1));
    if (entry_ == last_sent_) break;
  }
  if (begin == size && size == history_sent_) return;
  if (history_sent_ > begin) text_ += ",\"dropped\":" + std::to_string(history_sent_ - begin);
  text_ += ",\"from\":" + std::to_string(begin) + ",\"history\":[";
  for (std::uint64_t i = begin; i < size; ++i) {
    if (i > begin) text_ += ',';
    last_sent_.clear();
    append_json(last_sent_, host_.log_history_at(i));
    text_ += last_sent_;
  }
  text_ += ']';
  history_sent_ = size;
}

void BridgeSession::event(std::uint32_t kind, const trainer_state& state, trainer_control& control, sdk::Map* values) {
  if (lost_) return;
  if (connection_->gone()) {
    if (!answers_) return report_loss();
    lose("before " + std::string(event_names[kind]));
  }
  if (!ready_) {
    hear(connection_->receive(0));
    if (!wants(kind)) return;
  }
  const std::uint64_t id = answers_ ? ++last_id_ : 0;
  build(kind, state, control, values, id);
  if (!connection_->send(text_, answers_) && !full_said_) {
    full_said_ = true;
    host_.warning(class_name_ + " has not taken the last " + std::to_string(most_waiting_bytes >> 20) +
                  " MB of events; what comes until it does is lost to it");
  }
  if (!answers_) return;
  const boost::json::object answer = ask(std::string(event_names[kind]), id);
  if (const auto* flags = answer.if_contains("control")) {
    std::uint32_t* const to[] = {&control.should_training_stop, &control.should_epoch_stop, &control.should_save,
                                 &control.should_evaluate, &control.should_log};
    for (std::size_t i = 0; i < 5; ++i) *to[i] = flags->as_array().at(i).to_number<std::uint32_t>();
  }
  const auto* changed = answer.if_contains("values");
  if (changed != nullptr && values != nullptr) set_values(*values, changed->as_array());
}

// What a tracker that is created meanwhile says: what it overrides, or why it cannot be.
void BridgeSession::hear(const std::optional<boost::json::object>& message) {
  if (!message) return;
  if (const auto* ready = message->if_contains("ready")) take_ready(ready->as_object());
  if (!message->contains("refused")) return;
  events_ = 0;
  left_out_ = true;
  host_.warning(class_name_ + " could not be created in Python: " + text_in(*message, "refused") +
                "; the run goes on without it");
  log_lines(TRAINER_LOG_WARNING, text_in(*message, "traceback"));
}

// Waits for the answer with that id, and serves what the callback asks for in the meantime.
boost::json::object BridgeSession::ask(const std::string& what, std::uint64_t id) {
  using Clock = std::chrono::steady_clock;
  const auto until = Clock::now() + std::chrono::duration<double>(settings_.timeout);
  for (;;) {
    const double left = std::chrono::duration<double>(until - Clock::now()).count();
    auto message = connection_->receive(std::max(left, 0.0));
    if (!message && connection_->gone()) lose("during " + what);
    if (!message) {
      if (process_) process_->kill();
      lost_ = true;
      events_ = 0;
      throw std::runtime_error(class_name_ + " did not answer " + what + " within " + seconds(settings_.timeout) +
                               ", and its Python was ended; raise \"timeout\" of the plugin if it "
                               "needs more");
    }
    if (message->contains("fetch")) {
      connection_->send(copy_tensors(host_, *message, memory_), true);
      continue;
    }
    const auto* answered = message->if_contains("answer");
    if (answered == nullptr || answered->to_number<std::uint64_t>() != id) continue;
    memory_.reset();
    if (message->contains("error")) {
      log_lines(TRAINER_LOG_WARNING, text_in(*message, "traceback"));
      throw std::runtime_error(class_name_ + ": " + text_in(*message, "error"));
    }
    return std::move(*message);
  }
}

std::string BridgeSession::how_it_ended() {
  if (!process_) return "the socket was closed";
  const auto ended = process_->wait(2);
  return !ended ? "it closed its socket" : ended->empty() ? "exit status 0" : *ended;
}

void BridgeSession::lose(const std::string& what) {
  lost_ = true;
  events_ = 0;
  throw std::runtime_error(class_name_ + "'s Python ended " + what + " (" + how_it_ended() +
                           "); what it printed says why");
}

void BridgeSession::report_loss() {
  hear(connection_->receive(0));
  lost_ = true;
  events_ = 0;
  if (!left_out_) host_.warning(class_name_ + "'s Python ended (" + how_it_ended() + "); the run goes on without it");
}

const boost::json::object& BridgeSession::state() {
  if (!lost_ && !connection_->gone()) {
    const std::uint64_t id = ++last_id_;
    connection_->send("{\"state\":" + std::to_string(id) + "}", true);
    state_ = ask("the question for its state", id).at("state").as_object();
  }
  return *state_;
}

void BridgeSession::restore(const sdk::Map& attributes) {
  const std::uint64_t id = ++last_id_;
  text_ = "{\"id\":" + std::to_string(id) + ",\"restore\":";
  append_json(text_, attributes);
  text_ += '}';
  connection_->send(text_, true);
  ask("its stored state", id);
}

void BridgeSession::close(bool failed) {
  if (closed_) return;
  closed_ = true;
  if (lost_) return;
  if (connection_->gone()) return report_loss();
  connection_->send(failed ? "{\"close\":\"failed\"}" : "{\"close\":\"finished\"}", true);
  using Clock = std::chrono::steady_clock;
  const auto begin = Clock::now();
  const auto passed = [&] { return std::chrono::duration<double>(Clock::now() - begin).count(); };
  // A helper that it forked may hold the socket open, so that its own end is what counts.
  const auto over = [&] { return process_ ? process_->ended().has_value() : connection_->gone(); };
  bool said = false;
  while (!over() && passed() < settings_.shutdown_timeout) {
    if (connection_->gone())
      process_->wait(0.2);
    else
      hear(connection_->receive(0.2));
    if (!said && passed() > 5) {
      said = true;
      host_.info("waiting for " + class_name_ + " to finish, at most " + seconds(settings_.shutdown_timeout));
    }
  }
  // Its last words may be on their way from the connection's thread.
  for (const double until = passed() + 1; !connection_->gone() && passed() < until;) hear(connection_->receive(0.05));
  hear(connection_->receive(0));
  const auto ended = process_ ? process_->ended() : std::optional<std::string>("");
  if (!over()) {
    if (process_) process_->kill();
    host_.warning(class_name_ + " did not finish within " + seconds(settings_.shutdown_timeout) +
                  "; its last records may be missing where it sends them");
  } else if (!failed && !ended->empty() && !left_out_) {
    host_.warning(class_name_ + "'s Python ended with " + *ended + "; its last records may be missing");
  }
  if (connection_->refused() > 0)
    host_.warning(class_name_ + " did not get " + std::to_string(connection_->refused()) +
                  " events, because it was too slow for the run");
}

void BridgeSession::log_lines(std::uint32_t level, std::string_view text) const {
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    if (end > 0) host_.raw()->log(host_.raw(), level, text.data(), end);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

}  // namespace trainer::plugins
