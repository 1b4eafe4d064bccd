// SPDX-License-Identifier: Apache-2.0
#include "shared/python_bridge/session.hpp"

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <system_error>

#include "shared/python_bridge/event_names.hpp"
#include "shared/python_bridge/interpreter.hpp"
#include "shared/python_bridge/json_text.hpp"
#include "shared/python_bridge/model.hpp"

namespace trainer::plugins {
namespace {

// About 100 000 logs: a tracker that has taken none of so many will not take the rest either.
constexpr std::size_t most_waiting_bytes = 64u << 20;

std::string text_in(const boost::json::object& message, std::string_view key) {
  const auto* found = message.if_contains(key);
  return found && found->is_string() ? std::string(found->get_string()) : std::string();
}

std::string seconds(double value) {
  std::string text = std::to_string(value);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text + " s";
}

}  // namespace

BridgeSession::BridgeSession(const sdk::Host& host, BridgeSettings settings)
    : host_(host), settings_(std::move(settings)), class_name_(settings_.callback) {
  start();
  introduce();
  answers_ = settings_.wait.value_or(!is_tracker());
  // A tracker's events may be sent before it is ready; until then those that no tracker but
  // Kubeflow's looks at are not.
  events_ = settings_.callback == "kubeflow" ? all_events : all_events & ~step_events;
  expect_reply("hello", false);
  if (!is_tracker() || answers_) take_ready(expect_reply("ready", true));
}

bool BridgeSession::is_tracker() const {
  return settings_.callback.find_first_of(".:") == std::string::npos;
}

BridgeSession::~BridgeSession() { connection_.reset(); }

void BridgeSession::start() {
  const auto first = [this](const boost::json::object& message) { return first_look(message); };
  try {
    if (!settings_.parent.empty()) {
      python_ = "the Python that started the trainer";
      connection_ = std::make_unique<Connection>(connect_to(settings_.parent), most_waiting_bytes,
                                                 first);
      return;
    }
    python_ = choose_python(settings_.python);
    Pair sockets = make_socket_pair();
    process_ = std::make_unique<Process>(python_command(python_), sockets.theirs.get());
    sockets.theirs.close();
    connection_ =
        std::make_unique<Connection>(std::move(sockets.ours), most_waiting_bytes, first);
    connection_->send(bridge_modules(), true);
  } catch (const std::system_error& e) {
    throw std::runtime_error(
        python_ + " could not be " + (settings_.parent.empty() ? "started" : "reached") + ": " +
        e.what() +
        (settings_.parent.empty()
             ? "; name a Python with the plugin's \"python\" or with TRAINER_PYTHON"
             : "; run the trainer through trainer_bridge.run"));
  }
}

void BridgeSession::introduce() {
  text_ = "{\"init\":{";
  const auto json = [&](std::string_view key, std::string_view value) {
    append_key(text_, key);
    text_ += value.empty() ? "null" : value;
  };
  const auto text = [&](std::string_view key, std::string_view value) {
    append_key(text_, key);
    append_json(text_, value);
  };
  text("callback", settings_.callback);
  json("kwargs", settings_.kwargs);
  text("mode", settings_.mode);
  // In a Python of ours that we can start again, when all of transformers turns out to be needed.
  json("restart", settings_.mode == "auto" && process_ && !is_tracker() ? "true" : "false");
  json("path", settings_.path);
  json("args", host_.arguments_json());
  json("config", host_.model_config_json());
  json("model", host_.is_replay() ? "false" : "true");
  json("grace", std::to_string(settings_.shutdown_timeout));
  text_ += "}}";
  connection_->send(text_, true);
}

// On the connection's thread. Lines for the log, and a tracker's failure, which nobody waits for.
bool BridgeSession::first_look(const boost::json::object& message) {
  if (message.contains("log")) {
    log_lines(text_in(message, "log") == "error" ? TRAINER_LOG_ERROR : TRAINER_LOG_WARNING,
              text_in(message, "text"));
    return true;
  }
  if (message.contains("failed")) {
    events_ = 0;
    left_out_ = true;
    host_.warning(settings_.callback + " failed in " + text_in(message, "on") + ": " +
                  text_in(message, "failed") + "; the run goes on without it");
    log_lines(TRAINER_LOG_WARNING, text_in(message, "traceback"));
    return true;
  }
  return false;
}

boost::json::object BridgeSession::expect_reply(const char* what, bool ready) {
  const auto message = connection_->receive(settings_.timeout);
  if (!message) {
    if (connection_->gone())
      throw std::runtime_error(python_ + " ended before " + class_name_ + " was there (" +
                               how_it_ended() + "); what it printed says why");
    if (process_) process_->kill();
    throw std::runtime_error(python_ + " did not " + (ready ? "create " + class_name_ : "start") +
                             " within " + seconds(settings_.timeout) +
                             "; raise \"timeout\" of the plugin, or look at what it waits for");
  }
  if (message->contains("refused")) {
    log_lines(TRAINER_LOG_DEBUG, text_in(*message, "traceback"));
    throw std::runtime_error(class_name_ + " could not be created in Python: " +
                             text_in(*message, "refused"));
  }
  if (message->contains("again")) {
    host_.debug(class_name_ + " needs all of transformers: " + text_in(*message, "again"));
    settings_.mode = "full";
    connection_.reset();
    process_.reset();
    start();
    introduce();
    expect_reply("hello", false);
    return expect_reply(what, ready);
  }
  const auto* found = message->if_contains(what);
  if (found == nullptr || !found->is_object())
    throw std::runtime_error(python_ + " answered with something that is not of the bridge");
  return found->get_object();
}

void BridgeSession::take_ready(const boost::json::object& ready) {
  ready_ = true;
  class_name_ = text_in(ready, "class");
  std::uint32_t events = 0;
  for (const auto& name : ready.at("events").as_array())
    events |= event_bit(std::string_view(name.as_string()));
  events_ = left_out_ ? 0 : events;
  if (!settings_.wait) answers_ = !ready.at("tracker").as_bool();
  if (const auto* state = ready.if_contains("state")) state_ = state->as_object();
}

void BridgeSession::build(std::uint32_t kind, const trainer_state& state,
                          const trainer_control& control, const sdk::Map* values,
                          std::uint64_t id) {
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

// What log_history has got since the last event.
void BridgeSession::append_history() {
  const std::uint64_t size = host_.log_history_size();
  if (size == history_sent_) return;
  if (size < history_sent_) history_sent_ = 0;
  text_ += ",\"from\":" + std::to_string(history_sent_) + ",\"history\":[";
  for (; history_sent_ < size; ++history_sent_) {
    if (text_.back() != '[') text_ += ',';
    append_json(text_, host_.log_history_at(history_sent_));
  }
  text_ += ']';
}

void BridgeSession::event(std::uint32_t kind, const trainer_state& state, trainer_control& control,
                          sdk::Map* values) {
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
    host_.warning(class_name_ + " has not taken the last " +
                  std::to_string(most_waiting_bytes >> 20) +
                  " MB of events; what comes until it does is lost to it");
  }
  if (!answers_) return;
  const boost::json::object answer = ask(std::string(event_names[kind]), id);
  if (const auto* flags = answer.if_contains("control")) {
    std::uint32_t* const to[] = {&control.should_training_stop, &control.should_epoch_stop,
                                 &control.should_save, &control.should_evaluate,
                                 &control.should_log};
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
      throw std::runtime_error(class_name_ + " did not answer " + what + " within " +
                               seconds(settings_.timeout) +
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
  if (!left_out_)
    host_.warning(class_name_ + "'s Python ended (" + how_it_ended() +
                  "); the run goes on without it");
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
  bool said = false;
  while (!connection_->gone() && passed() < settings_.shutdown_timeout) {
    hear(connection_->receive(0.2));
    if (!said && passed() > 5) {
      said = true;
      host_.info("waiting for " + class_name_ + " to finish, at most " +
                 seconds(settings_.shutdown_timeout));
    }
  }
  const auto ended = process_ ? process_->wait(settings_.shutdown_timeout - passed() + 0.1)
                              : std::optional<std::string>("");
  if (!connection_->gone() || !ended) {
    if (process_) process_->kill();
    host_.warning(class_name_ + " did not finish within " + seconds(settings_.shutdown_timeout) +
                  "; its last records may be missing where it sends them");
  } else if (!failed && !ended->empty() && !left_out_) {
    host_.warning(class_name_ + "'s Python ended with " + *ended +
                  "; its last records may be missing");
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
