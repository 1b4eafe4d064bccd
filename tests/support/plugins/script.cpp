// SPDX-License-Identifier: Apache-2.0
//
// The `script` callback of the parity cases: sets control flags and learning rates by rule, in any event. A rule is
// {"on": event, "global_step"?: n, "epoch"?: x, "times"?: n, "rank"?: n, "restart"?: n, "set"?: {flag: bool},
// "lr"?: {group: rate}, "request_stop"?: true, "raise"?: text, "signal"?: n}; of a run on several processes `rank` is
// the one in which it holds, and `restart` how often they have been started again. It asks to stop on another thread.
#include <boost/json/src.hpp>
#include <cmath>
#include <csignal>
#include <cstdint>
#include <thread>
#include <trainer/sdk.hpp>

namespace {

struct Rule {
  std::string on;
  std::optional<std::int64_t> global_step;
  std::optional<double> epoch;
  std::optional<std::int64_t> left;
  std::vector<std::pair<std::string, bool>> set;
  std::vector<std::pair<std::uint64_t, double>> lr;
  bool request_stop = false;
  std::string raise;  // what to throw then
  int signal = 0;     // what the process sends itself then
};

class Script : public trainer::sdk::TrainerCallback {
 public:
  explicit Script(const trainer::sdk::Host& host) : host_(host) {
    const trainer_process process = host.process();
    const auto text = host.config("rules").text();
    const auto rules = boost::json::parse({text.data(), text.size()});
    for (const auto& entry : rules.as_array()) {
      const auto& o = entry.as_object();
      if (const auto* v = o.if_contains("rank"); v && v->as_int64() != process.rank) continue;
      if (const auto* v = o.if_contains("restart"); v && v->as_int64() != process.restart_count) continue;
      Rule rule;
      rule.on = o.at("on").as_string().c_str();
      if (const auto* v = o.if_contains("global_step")) rule.global_step = v->as_int64();
      if (const auto* v = o.if_contains("epoch")) rule.epoch = v->to_number<double>();
      if (const auto* v = o.if_contains("times")) rule.left = v->as_int64();
      if (const auto* set = o.if_contains("set"))
        for (const auto& flag : set->as_object()) rule.set.emplace_back(flag.key(), flag.value().as_bool());
      if (const auto* lr = o.if_contains("lr"))
        for (const auto& group : lr->as_object())
          rule.lr.emplace_back(std::stoull(group.key()), group.value().to_number<double>());
      rule.request_stop = o.contains("request_stop");
      if (const auto* v = o.if_contains("raise")) rule.raise = v->as_string().c_str();
      if (const auto* v = o.if_contains("signal")) rule.signal = static_cast<int>(v->as_int64());
      rules_.push_back(std::move(rule));
    }
  }

#define SCRIPT_EVENT(event) \
  void event(const Arguments&, const State& s, Control& c) override { fire(#event, s, c); }
#define SCRIPT_EVENT_WITH_VALUES(event) \
  void event(const Arguments&, const State& s, Control& c, Map&) override { fire(#event, s, c); }
  SCRIPT_EVENT(on_init_end)
  SCRIPT_EVENT(on_train_begin)
  SCRIPT_EVENT(on_train_end)
  SCRIPT_EVENT(on_epoch_begin)
  SCRIPT_EVENT(on_epoch_end)
  SCRIPT_EVENT(on_step_begin)
  SCRIPT_EVENT(on_pre_optimizer_step)
  SCRIPT_EVENT(on_optimizer_step)
  SCRIPT_EVENT(on_substep_end)
  SCRIPT_EVENT(on_step_end)
  SCRIPT_EVENT_WITH_VALUES(on_evaluate)
  SCRIPT_EVENT_WITH_VALUES(on_predict)
  SCRIPT_EVENT(on_save)
  SCRIPT_EVENT_WITH_VALUES(on_log)
  SCRIPT_EVENT(on_prediction_step)
  SCRIPT_EVENT(on_push_begin)

 private:
  static std::uint32_t& flag(Control& c, const std::string& name) {
    if (name == "should_training_stop") return c.should_training_stop;
    if (name == "should_epoch_stop") return c.should_epoch_stop;
    if (name == "should_save") return c.should_save;
    if (name == "should_evaluate") return c.should_evaluate;
    if (name == "should_log") return c.should_log;
    throw std::invalid_argument("\"" + name + "\" is not a control flag");
  }

  void fire(const char* event, const State& state, Control& control) {
    for (auto& rule : rules_) {
      if (rule.on != event || (rule.left && *rule.left == 0)) continue;
      if (rule.global_step && *rule.global_step != state.global_step) continue;
      // The JSON reader may be off by one unit in the last place.
      if (rule.epoch && std::abs(*rule.epoch - state.epoch) > 1e-12 * std::abs(state.epoch)) continue;
      if (rule.left) --*rule.left;
      for (const auto& [name, value] : rule.set) flag(control, name) = value ? 1 : 0;
      for (const auto& [group, rate] : rule.lr) host_.optimizer().value().set_lr(group, rate);
      if (rule.request_stop) std::thread([this] { host_.request_stop(); }).join();
      if (rule.signal != 0) std::raise(rule.signal);
      if (!rule.raise.empty()) throw std::runtime_error(rule.raise);
    }
  }

  trainer::sdk::Host host_;
  std::vector<Rule> rules_;
};

}  // namespace

// clang-format off
TRAINER_PLUGIN(Script, {
  "id": "script",
  "version": "0.1.0",
  "description": "Sets control flags and learning rates by rule; for tests.",
  "class": "ScriptCallback",
  "events": ["on_init_end", "on_train_begin", "on_train_end", "on_epoch_begin", "on_epoch_end",
             "on_step_begin", "on_pre_optimizer_step", "on_optimizer_step", "on_substep_end",
             "on_step_end", "on_evaluate", "on_predict", "on_save", "on_log", "on_prediction_step",
             "on_push_begin"],
  "config": {"rules": {"type": "array", "description": "what to set, and when"}}
})
// clang-format on
