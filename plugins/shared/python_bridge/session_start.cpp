// SPDX-License-Identifier: Apache-2.0
//
// How a session begins: the Python, what it is told, and what it answers until the callback is there.
#include <stdexcept>
#include <system_error>

#include "shared/python_bridge/event_names.hpp"
#include "shared/python_bridge/interpreter.hpp"
#include "shared/python_bridge/json_text.hpp"
#include "shared/python_bridge/session.hpp"
#include "shared/python_bridge/session_words.hpp"

namespace trainer::plugins {

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

bool BridgeSession::is_tracker() const { return settings_.callback.find_first_of(".:") == std::string::npos; }

BridgeSession::~BridgeSession() { connection_.reset(); }

void BridgeSession::start() {
  const auto first = [this](const boost::json::object& message) { return first_look(message); };
  try {
    if (!settings_.parent.empty()) {
      python_ = "the Python that started the trainer";
      connection_ = std::make_unique<Messages>(child::connect_to(settings_.parent), most_waiting_bytes, first);
      return;
    }
    python_ = choose_python(settings_.python);
    process_ = std::make_unique<child::Process>(
        child::Program{python_command(python_), child_environment(settings_.environment)});
    connection_ = std::make_unique<Messages>(process_->connection(settings_.timeout), most_waiting_bytes, first);
    connection_->send(bridge_modules(), true);
  } catch (const std::system_error& e) {
    throw std::runtime_error(
        python_ + " could not be " + (settings_.parent.empty() ? "started" : "reached") + ": " + e.what() +
        (settings_.parent.empty() ? "; name a Python with the plugin's \"python\" or with TRAINER_PYTHON"
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
  append_key(text_, "tokens");  // which the arguments' JSON hides; null for one that is not set
  text_ += "{\"hub_token\":";
  sdk::Value token;
  host_.raw()->argument(host_.raw(), "hub_token", 9, token.raw());
  append_json(text_, token);
  text_ += '}';
  const trainer_process process = host_.process();
  json("process", "{\"rank\":" + std::to_string(process.rank) +
                      ",\"local_rank\":" + std::to_string(process.local_rank) +
                      ",\"world_size\":" + std::to_string(process.world_size) + "}");
  json("model", host_.is_replay() ? "false" : "true");
  json("grace", std::to_string(settings_.shutdown_timeout));
  text_ += "}}";
  connection_->send(text_, true);
}

// On the connection's thread: lines for the log.
bool BridgeSession::first_look(const boost::json::object& message) {
  if (message.contains("log")) {
    log_lines(text_in(message, "log") == "error" ? TRAINER_LOG_ERROR : TRAINER_LOG_WARNING, text_in(message, "text"));
    return true;
  }
  return false;
}

boost::json::object BridgeSession::expect_reply(const char* what, bool ready) {
  const auto message = connection_->receive(settings_.timeout);
  if (!message) {
    if (connection_->gone())
      throw std::runtime_error(python_ + " ended before " + class_name_ + " was there (" + how_it_ended() +
                               "); what it printed says why");
    if (process_) process_->kill();
    throw std::runtime_error(python_ + " did not " + (ready ? "create " + class_name_ : "start") + " within " +
                             seconds(settings_.timeout) +
                             "; raise \"timeout\" of the plugin, or look at what it waits for");
  }
  if (message->contains("refused")) {
    log_lines(TRAINER_LOG_DEBUG, text_in(*message, "traceback"));
    throw std::runtime_error(class_name_ + " could not be created in Python: " + text_in(*message, "refused"));
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
  for (const auto& name : ready.at("events").as_array()) events |= event_bit(std::string_view(name.as_string()));
  if (!settings_.wait) answers_ = !ready.at("tracker").as_bool();
  if (!answers_) events |= 1u << TRAINER_ON_TRAIN_END;  // by then it is known whether it has failed
  events_ = events;
  if (const auto* state = ready.if_contains("state")) state_ = state->as_object();
}

}  // namespace trainer::plugins
