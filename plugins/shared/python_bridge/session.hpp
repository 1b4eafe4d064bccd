// SPDX-License-Identifier: Apache-2.0
//
// session.hpp - one callback in one Python, from its start to its end.
#pragma once

#include <trainer/event.h>

#include <boost/json.hpp>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <trainer/sdk/callback.hpp>
#include <vector>

#include "child/process.hpp"
#include "shared/python_bridge/messages.hpp"
#include "shared/python_bridge/model.hpp"
#include "shared/python_bridge/state_numbers.hpp"

namespace trainer::plugins {

/// What a run asks for; the plugin's "config" has the same names.
struct BridgeSettings {
  std::string callback;                                 ///< a tracker's name in report_to, or the path of a class
  std::string kwargs = "{}";                            ///< JSON
  std::string path = "[]";                              ///< JSON: directories for sys.path
  std::string python = {};                              ///< empty: choose_python() does
  std::map<std::string, std::string> environment = {};  ///< changed variables of it; an empty one is unset
  std::string mode = "auto";                            ///< "auto", "light", "full"
  std::optional<bool> wait = {};                        ///< for the answer to each event; by default, not for trackers
  double timeout = 60;                                  ///< seconds for an answer
  double shutdown_timeout = 300;                        ///< seconds for exit hooks
  std::string parent = {};                              ///< socket of a Python that started us; empty: start one
};

/// One callback in one Python. The trainer's thread only, but for what Connection calls.
class BridgeSession {
 public:
  /// Starts the Python, and waits until the packages of a tracker, or the whole of another callback,
  /// are known to be there. Throws std::runtime_error with a sentence.
  BridgeSession(const sdk::Host& host, BridgeSettings settings);
  ~BridgeSession();

  /// Whether the event is of interest: what the Python class does not override is not sent.
  bool wants(std::uint32_t kind) const { return (events_ >> kind & 1) != 0; }
  /// Sends an event; with answers, waits, and takes flags and values over; without, waits only where the event speaks
  /// of files. Throws what the callback raised, then or at an event before, and for a Python that is gone or silent.
  void event(std::uint32_t kind, const trainer_state& state, trainer_control& control, sdk::Map* values);
  /// A line that the run printed: trackers keep what their Python prints, and with transformers' Trainer that is in it.
  /// From any thread.
  void show(std::string_view line) const noexcept;
  /// How the training ended, for a Python class with a method on_outcome, and for what trackers say of a failure.
  void outcome(const sdk::Outcome& outcome);
  /// Where the tracker's client says that its run is; empty for another callback, and when Python is gone.
  std::vector<sdk::Result> results();
  /// Ends the Python after its exit hooks. `failed` is what they get to see.
  void close(bool failed);

  bool is_stateful() const { return state_.has_value(); }
  const std::string& class_name() const { return class_name_; }
  /// {"args": [[key, kind, text]...], "attributes": ...}; the last one known when Python is gone.
  const boost::json::object& state();
  void restore(const sdk::Map& attributes);

 private:
  bool is_tracker() const;
  void start();
  void introduce();
  boost::json::object expect_reply(const char* what, bool ready);
  void take_ready(const boost::json::object& ready);
  bool first_look(const boost::json::object& message);
  void hear(const boost::json::object& message);
  void hear_all();
  void drop_failed();
  bool wait_for(const char* question, const std::string& what);
  void wait_until_seen(const std::string& what);
  boost::json::object ask(const std::string& what, std::uint64_t id);
  [[noreturn]] void lose(const std::string& what);
  std::string how_it_ended();
  void report_loss();
  void build(std::uint32_t kind, const trainer_state& state, const trainer_control& control, const sdk::Map* values,
             std::uint64_t id);
  void append_history();
  void log_lines(std::uint32_t level, std::string_view text) const;

  sdk::Host host_;
  BridgeSettings settings_;
  std::string python_, text_, class_name_;
  std::unique_ptr<child::Process> process_;
  std::unique_ptr<Messages> connection_;
  LentTensors lent_{host_};
  std::optional<boost::json::object> state_;
  boost::json::array results_;
  std::uint32_t events_ = 0;
  std::string failure_;  // why a callback that is not waited for ended itself
  bool ready_ = false, answers_ = false, left_out_ = false, lost_ = false, closed_ = false;
  bool shapes_sent_ = false, full_said_ = false;
  std::uint64_t history_sent_ = 0, last_seen_ = 0, last_id_ = 0;  // last_seen_: the fingerprint of its last entry
  std::uint64_t behind_ = 0;  // the question that was not answered in time; 0: it has seen all it was waited for
  StateNumbers numbers_;
  std::string last_sent_, entry_;  // of log_history, as JSON
};

/// Puts [[key, kind, text]...] into the map, in that order; keys that are not listed go.
void set_values(sdk::Map& map, const boost::json::array& values);

}  // namespace trainer::plugins
