// SPDX-License-Identifier: Apache-2.0
//
// Sends events to Python, and takes its changes back.
#include "shared/python_bridge/session.hpp"

#include <algorithm>
#include <bit>
#include <chrono>
#include <functional>
#include <stdexcept>
#include <utility>

#include "shared/python_bridge/event_names.hpp"
#include "shared/python_bridge/json_text.hpp"
#include "shared/python_bridge/model.hpp"
#include "shared/python_bridge/session_words.hpp"

namespace trainer::plugins {
namespace {

// How long there is still to wait for something; said once when it takes long.
class Patience {
 public:
  Patience(const sdk::Host& host, std::string what, double most) : host_(host), what_(std::move(what)), most_(most) {}
  double next() {
    const double passed = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin_).count();
    if (passed > notice && !std::exchange(said_, true))
      host_.info("waiting for " + what_ + ", at most " + seconds(most_));
    return said_ ? most_ - passed : std::min(most_, notice + 0.1) - passed;
  }

 private:
  static constexpr double notice = 5;
  const sdk::Host& host_;
  std::string what_;
  double most_;
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
  bool said_ = false;
};

// Tells one entry of the history from another without writing it.
std::uint64_t fingerprint(const sdk::Map& entry) {
  std::uint64_t out = 0xcbf29ce484222325;
  const auto add = [&](std::uint64_t bits) { out = (out ^ bits) * 0x100000001b3 ^ out >> 29; };
  entry.for_each([&](std::string_view key, const sdk::Value& value) {
    add(std::hash<std::string_view>()(key));
    add(value.raw()->type);
    add(std::bit_cast<std::uint64_t>(value.number()));
    add(static_cast<std::uint64_t>(value.integer()));
    add(std::hash<std::string_view>()(value.text()));
  });
  return out;
}

}  // namespace

void BridgeSession::build(std::uint32_t kind, const trainer_state& state, const trainer_control& control,
                          const sdk::Map* values, std::uint64_t id) {
  text_ = "{\"on\":\"";
  text_ += event_names[kind];
  text_ += '"';
  if (id != 0) text_ += ",\"id\":" + std::to_string(id);
  text_ += ",\"state\":";
  numbers_.look(host_, state);
  append_json(text_, state, numbers_);
  text_ += ",\"control\":";
  append_json(text_, control);
  if (values != nullptr) {
    text_ += ",\"values\":";
    append_json(text_, *values);
  }
  append_history();
  text_ += ",\"has\":";
  append_present(text_, host_);
  if (!shapes_sent_ && !host_.is_replay()) {
    const std::size_t size = text_.size();
    text_ += ",\"shapes\":";
    shapes_sent_ = append_shapes(text_, host_);
    if (shapes_sent_) {
      text_ += ",\"device\":";
      append_device(text_, host_);
    } else {
      text_.resize(size);
    }
  }
  text_ += '}';
}

// What log_history has got since the last event, and lost: with a limit the oldest entries go, and its size alone
// says nothing. So the last entry that was sent is looked for, from the end; in most events it is the last still.
void BridgeSession::append_history() {
  const std::uint64_t size = host_.log_history_size();
  const std::uint64_t last = size > 0 ? fingerprint(sdk::Map(host_.log_history_at(size - 1))) : 0;
  if (size == history_sent_ && last == last_seen_) return;
  last_seen_ = last;
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
  if (lost_ || left_out_) return;
  if (!ready_ || connection_->gone()) {
    hear_all();
    drop_failed();
    if (!wants(kind)) return;
  }
  const std::string name(event_names[kind]);
  if (connection_->gone()) lose("before " + name);
  const bool has_files = (file_events >> kind & 1) != 0;
  const std::uint64_t id = answers_ ? ++last_id_ : 0;
  build(kind, state, control, values, id);
  if (!connection_->send(text_, answers_ || has_files) && !full_said_) {
    full_said_ = true;
    host_.warning(class_name_ + " has not taken the last " + std::to_string(most_waiting_bytes >> 20) +
                  " MB of events; what comes until it does is lost to it");
  }
  if (!answers_) {
    if (has_files) wait_until_seen(name);
    return;
  }
  const boost::json::object answer = ask(name, id);
  if (const auto* flags = answer.if_contains("control")) {
    std::uint32_t* const to[] = {&control.should_training_stop, &control.should_epoch_stop, &control.should_save,
                                 &control.should_evaluate, &control.should_log};
    for (std::size_t i = 0; i < 5; ++i) *to[i] = flags->as_array().at(i).to_number<std::uint32_t>();
  }
  const auto* changed = answer.if_contains("values");
  if (changed != nullptr && values != nullptr) set_values(*values, changed->as_array());
}

void BridgeSession::show(std::string_view line) const noexcept try {
  if (!is_tracker() || !process_ || connection_->gone()) return;
  std::string message = "{\"line\":";
  append_json(message, line);
  message += '}';
  connection_->send(message);
} catch (const std::exception&) {
  // Memory is full: a line less.
}

// What a callback says that nobody waits for: what it overrides, or why it ended itself.
void BridgeSession::hear(const boost::json::object& message) {
  if (const auto* ready = message.if_contains("ready")) take_ready(ready->as_object());
  if (const auto* answer = message.if_contains("answer"); answer && answer->to_number<std::uint64_t>() == behind_)
    behind_ = 0;
  if (const auto* found = message.if_contains("results")) results_ = found->as_array();
  if (message.contains("refused"))
    failure_ = class_name_ + " could not be created in Python: " + text_in(message, "refused");
  else if (message.contains("failed"))
    failure_ = settings_.callback + " failed in " + text_in(message, "on") + ": " + text_in(message, "failed");
  else
    return;
  log_lines(TRAINER_LOG_WARNING, text_in(message, "traceback"));
}

void BridgeSession::hear_all() {
  while (const auto message = connection_->receive(0)) hear(*message);
}

// Its Python is ending, and tells its tracker that the run failed; here the run's on_error decides.
void BridgeSession::drop_failed() {
  if (failure_.empty()) return;
  left_out_ = true;
  events_ = 0;
  throw std::runtime_error(failure_ + "; it gets no more events");
}

// Asks, and waits until everything that was sent before is done, too. Whether there was an answer.
bool BridgeSession::wait_for(const char* question, const std::string& what) {
  if (behind_ != 0) hear_all();
  if (behind_ != 0) return true;  // said already
  const std::uint64_t id = ++last_id_;
  connection_->send("{\"" + std::string(question) + "\":" + std::to_string(id) + "}", true);
  behind_ = id;
  Patience patience(host_, class_name_ + " to take " + what, settings_.shutdown_timeout);
  for (double left = patience.next(); behind_ != 0 && left > 0; left = patience.next()) {
    if (const auto message = connection_->receive(left)) {
      hear(*message);
    } else if (connection_->gone()) {
      hear_all();
      drop_failed();
      lose("during " + what);
    }
  }
  drop_failed();
  return behind_ == 0;
}

// The trainer goes on to remove or to write anew what the event speaks of.
void BridgeSession::wait_until_seen(const std::string& what) {
  if (!wait_for("seen", what))
    host_.warning(class_name_ + " did not take " + what + " within " + seconds(settings_.shutdown_timeout) +
                  "; the run goes on, and files that it removes or replaces before are lost to it");
}

// Waits for the answer with that id, and serves what the callback asks for in the meantime.
boost::json::object BridgeSession::ask(const std::string& what, std::uint64_t id) {
  using Clock = std::chrono::steady_clock;
  const auto until = Clock::now() + std::chrono::duration<double>(settings_.timeout);
  for (;;) {
    const double left = std::chrono::duration<double>(until - Clock::now()).count();
    auto message = connection_->receive(std::max(left, 0.0));
    if (!message && connection_->gone()) {
      hear_all();
      if (!failure_.empty()) throw std::runtime_error(failure_);
      lose("during " + what);
    }
    if (!message) {
      if (process_) process_->kill();
      lost_ = true;
      events_ = 0;
      throw std::runtime_error(class_name_ + " did not answer " + what + " within " + seconds(settings_.timeout) +
                               ", and its Python was ended; raise \"timeout\" of the plugin if it "
                               "needs more");
    }
    if (message->contains("fetch")) {
      connection_->send(lent_.answer(*message), true);
      continue;
    }
    const auto* answered = message->if_contains("answer");
    if (answered == nullptr || answered->to_number<std::uint64_t>() != id) {
      hear(*message);
      continue;
    }
    const std::string written = lent_.take_back();
    if (message->contains("error")) {
      log_lines(TRAINER_LOG_WARNING, text_in(*message, "traceback"));
      throw std::runtime_error(class_name_ + ": " + text_in(*message, "error"));
    }
    if (!written.empty())
      throw std::runtime_error(class_name_ + " changed \"" + written + "\" in place in " + what +
                               ", which has no effect, since the trainer runs in a process of its own and this is a "
                               "copy; a plugin or a program in C++ can do it, or transformers' own Trainer");
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

const boost::json::object& BridgeSession::state() {
  if (lost_ || left_out_ || connection_->gone()) return *state_;
  const std::uint64_t id = ++last_id_;
  connection_->send("{\"state\":" + std::to_string(id) + "}", true);
  try {
    state_ = ask("the question for its state", id).at("state").as_object();
  } catch (const std::runtime_error&) {
    if (failure_.empty()) throw;  // else the next event says so
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

void BridgeSession::outcome(const sdk::Outcome& outcome) {
  if (lost_ || left_out_ || connection_->gone()) return;
  const boost::json::object told{{"status", outcome.is_completed()     ? "completed"
                                            : outcome.is_failed()      ? "failed"
                                            : outcome.is_interrupted() ? "interrupted"
                                                                       : "stopped"},
                                 {"global_step", outcome.global_step()},
                                 {"max_steps", outcome.max_steps()},
                                 {"epoch", outcome.epoch()},
                                 {"signal", outcome.signal()},
                                 {"by", outcome.by()},
                                 {"error", outcome.error()},
                                 {"error_id", outcome.error_id()}};
  connection_->send("{\"outcome\":" + boost::json::serialize(told) + "}", true);
}

std::vector<sdk::Result> BridgeSession::results() {
  std::vector<sdk::Result> all;
  if (!is_tracker() || lost_ || left_out_ || !process_ || connection_->gone()) return all;
  results_.clear();
  wait_for("results", "the question for its results");
  for (const auto& one : results_) {
    const auto text = [&](std::size_t i) { return std::string(one.as_array().at(i).as_string()); };
    all.push_back({text(0), text(1), text(2)});
  }
  return all;
}

void BridgeSession::close(bool failed) {
  if (closed_) return;
  closed_ = true;
  if (lost_) return;
  connection_->send(failed ? "{\"close\":\"failed\"}" : "{\"close\":\"finished\"}", true);
  // A helper that it forked may hold the socket open, so that its own end is what counts.
  const auto over = [&] { return process_ ? process_->ended().has_value() : connection_->gone(); };
  Patience patience(host_, class_name_ + " to finish", settings_.shutdown_timeout);
  for (double left = patience.next(); !over() && left > 0; left = patience.next()) {
    if (connection_->gone())
      process_->wait(std::min(left, 0.2));
    else if (const auto message = connection_->receive(std::min(left, 0.2)))
      hear(*message);
  }
  // Its last words may be on their way from the connection's thread.
  for (int i = 0; i < 20 && !connection_->gone(); ++i)
    if (const auto message = connection_->receive(0.05)) hear(*message);
  hear_all();
  if (!failure_.empty() && !left_out_) host_.warning(failure_ + "; the run had gone on without it");
  const auto ended = process_ ? process_->ended() : std::optional<std::string>("");
  if (!over()) {
    if (process_) process_->kill();
    host_.warning(class_name_ + " did not finish within " + seconds(settings_.shutdown_timeout) +
                  "; its last records may be missing where it sends them");
  } else if (!failed && !ended->empty() && failure_.empty()) {
    host_.warning(class_name_ + "'s Python ended with " + *ended + "; its last records may be missing");
  }
  if (connection_->refused() > 0)
    host_.warning(class_name_ + " did not get " + std::to_string(connection_->refused()) +
                  " events, because it was too slow for the run");
}

void BridgeSession::log_lines(std::uint32_t level, std::string_view text) const {
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    if (end > 0) host_.log(level, text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

}  // namespace trainer::plugins
