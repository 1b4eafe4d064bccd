// SPDX-License-Identifier: Apache-2.0
//
// Runs a callback that is written in Python, in a Python of the user's: one of transformers' own
// integrations, or any other class.
#include <boost/json.hpp>
#include <map>
#include <stdexcept>

#include "shared/python_bridge/callback.hpp"

namespace {

using trainer::plugins::BridgeSettings;
using trainer::sdk::Host;

std::map<std::string, std::string> environment_of(const Host& host) {
  std::map<std::string, std::string> variables;
  const trainer::sdk::Value value = host.config("environment");
  if (value.is_null()) return variables;
  const boost::json::value given = boost::json::parse(value.text());
  for (const auto& entry : given.as_object()) {
    const std::string name(entry.key());
    if (!entry.value().is_string())  // which is not shown: it may be a secret
      throw std::invalid_argument("config.environment gives \"" + name +
                                  "\" a value that is not text; put it in quotes");
    if (name.empty() || name.find('=') != name.npos)
      throw std::invalid_argument("config.environment has \"" + name + "\", which is not a variable's name; rename it");
    variables[name] = entry.value().get_string();
  }
  return variables;
}

BridgeSettings settings_of(const Host& host) {
  BridgeSettings settings;
  settings.callback = host.config("callback").text();
  settings.kwargs = host.config("kwargs").text();
  settings.path = host.config("path").text();
  settings.python = host.config("python").text();
  settings.environment = environment_of(host);
  settings.mode = host.config("mode").text();
  if (const auto wait = host.config("wait"); !wait.is_null()) settings.wait = wait.flag();
  settings.timeout = host.config("timeout").number();
  settings.shutdown_timeout = host.config("shutdown_timeout").number();
  if (settings.callback == "flyte") settings.parent = trainer::plugins::variable("TRAINER_BRIDGE_SOCKET");
  if (!settings.parent.empty() && !settings.environment.empty())
    throw std::invalid_argument("config.environment is not for flyte, which runs in its task's Python; set it there");
  return settings;
}

class Python : public trainer::plugins::BridgedCallback, public trainer::sdk::Stateful {
 public:
  explicit Python(const Host& host) : BridgedCallback(host, settings_of(host)) {}

  // All sixteen, because the note cannot know the class: those that it does not override end in
  // cross() after one test of a bit.
  TRAINER_CROSS(on_init_end)
  TRAINER_CROSS(on_train_begin)
  TRAINER_CROSS(on_train_end)
  TRAINER_CROSS(on_epoch_begin)
  TRAINER_CROSS(on_epoch_end)
  TRAINER_CROSS(on_step_begin)
  TRAINER_CROSS(on_pre_optimizer_step)
  TRAINER_CROSS(on_optimizer_step)
  TRAINER_CROSS(on_substep_end)
  TRAINER_CROSS(on_step_end)
  TRAINER_CROSS_WITH_VALUES(on_evaluate)
  TRAINER_CROSS_WITH_VALUES(on_predict)
  TRAINER_CROSS(on_save)
  TRAINER_CROSS_WITH_VALUES(on_log)
  TRAINER_CROSS(on_prediction_step)
  TRAINER_CROSS(on_push_begin)

  bool has_state() const override { return session().is_stateful(); }
  std::string_view state_class() const override { return session().class_name(); }

  void save_state(Map& args, Map& attributes) const override {
    const auto& state = session().state();
    trainer::plugins::set_values(args, state.at("args").as_array());
    trainer::plugins::set_values(attributes, state.at("attributes").as_array());
  }
  void load_state(const Map& attributes) override { session().restore(attributes); }
};

}  // namespace

// clang-format off
TRAINER_PLUGIN(Python, {
  "id": "python",
  "version": TRAINER_VERSION,
  "description": "Runs a transformers.TrainerCallback, or one of transformers' integrations, in a Python process.",
  "events": ["on_init_end", "on_train_begin", "on_train_end", "on_epoch_begin", "on_epoch_end",
             "on_step_begin", "on_pre_optimizer_step", "on_optimizer_step", "on_substep_end",
             "on_step_end", "on_evaluate", "on_predict", "on_save", "on_log", "on_prediction_step",
             "on_push_begin"],
  "config": {
    "callback": {"type": "string",
      "description": "a tracker's name in report_to, or a class or function by its path: mypackage.MyCallback"},
    "kwargs": {"type": "object", "default": {}, "description": "keyword arguments of the class"},
    "environment": {"type": "object", "default": {},
      "description": "variables for that Python, such as MLFLOW_TRACKING_URI; an empty text unsets one"},
    "python": {"type": "string", "default": "",
      "description": "the Python to run; by default TRAINER_PYTHON, the active environment's, python3"},
    "path": {"type": "array", "default": [],
      "description": "directories to import from, before the current one"},
    "mode": {"type": "string", "enum": ["auto", "light", "full"], "default": "auto",
      "description": "light: without most of transformers; full: all of it; auto: all of it when needed"},
    "wait": {"type": ["boolean", "null"], "default": null,
      "description": "whether each event waits for its answer; by default not for trackers"},
    "timeout": {"type": "number", "minimum": 0.1, "default": 60,
      "description": "seconds to wait for each answer"},
    "shutdown_timeout": {"type": "number", "minimum": 0.1, "default": 300,
      "description": "seconds for what the callback does when Python exits"}
  }
})
