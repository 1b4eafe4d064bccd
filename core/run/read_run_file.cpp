// SPDX-License-Identifier: Apache-2.0
#include "trainer/run_file.hpp"

#include <algorithm>

#include "base/commented_json.hpp"
#include "base/text.hpp"
#include "discovery/version_range.hpp"
#include "run/run_parts.hpp"
#include "trainer/error.hpp"
#include "trainer/training_arguments.hpp"

namespace trainer {
namespace {

// A path, a name or a setting would be cut there.
void refuse_zero_bytes(const json::value& v, const std::string& place) {
  const auto refuse = [&](std::string_view text, const std::string& where) {
    if (text.find('\0') != text.npos)
      throw_usage(error_id::run_file_invalid,
                  where + " has a zero byte, which no path and no name can have; take it out");
  };
  if (v.is_string()) {
    refuse(std::string_view(v.get_string()), place);
  } else if (v.is_array()) {
    for (const auto& item : v.get_array()) refuse_zero_bytes(item, place);
  } else if (v.is_object()) {
    for (const auto& entry : v.get_object()) {
      refuse(std::string_view(entry.key()), place + ": a key");
      refuse_zero_bytes(entry.value(), place + "." + std::string(entry.key()));
    }
  }
}

RunFile::Callback read_callback(const RunSection& callback) {
  callback.allow({"plugin", "config", "on_error", "ranks", "isolation"});
  RunFile::Callback out;
  out.where = callback.where();
  out.plugin =
      RunSection::text_of(callback.require("plugin", "the id of an installed plugin"), callback.place("plugin"));
  PluginName::parse(out.plugin, callback.place("plugin"));  // its versions, before data are read
  if (const auto* config = callback.find("config")) {
    if (!config->is_object()) RunSection::wrong_type(*config, callback.place("config"), "an object");
    out.config = config->get_object();
  }
  if (const auto* policy = callback.find("on_error"))
    out.on_error = parse_on_error(*policy, callback.place("on_error"));
  if (const auto* isolation = callback.find("isolation"))
    out.isolation = parse_isolation(*isolation, callback.place("isolation"));
  if (callback.find("ranks")) {
    const std::string where = callback.choice("ranks", "", {"all", "world_zero", "local_zero"});
    out.ranks = where == "all" ? RunsOn::all : where == "world_zero" ? RunsOn::world_zero : RunsOn::local_zero;
  }
  return out;
}

// {"name": "mlflow", "isolation": "process"} in report_to: how the tracker runs is kept, its name stays, as in
// transformers.
void take_trackers(json::object& args, const std::string& where, TrackersSettings& to) {
  auto* names = args.if_contains("report_to");
  if (!names || !names->is_array()) return;
  for (std::size_t i = 0; i < names->get_array().size(); ++i) {
    json::value& entry = names->get_array()[i];
    const std::string place = where + ".report_to[" + std::to_string(i) + "]";
    if (entry.is_string()) continue;
    if (!entry.is_object())
      RunSection::wrong_type(entry, place,
                             R"(a tracker's name, or an object such as {"name": "csv", "isolation": "process"})");
    const RunSection tracker(entry, place);
    tracker.allow({"name", "isolation", "on_error"});
    const std::string name = RunSection::text_of(tracker.require("name", "the tracker's name"), tracker.place("name"));
    TrackerSettings settings{.where = place};
    if (const auto* isolation = tracker.find("isolation"))
      settings.isolation = parse_isolation(*isolation, tracker.place("isolation"));
    if (const auto* policy = tracker.find("on_error"))
      settings.on_error = parse_on_error(*policy, tracker.place("on_error"));
    to.insert_or_assign(name, settings);
    entry = boost::json::string(name);
  }
}

RunFile::Action read_action(const RunSection& action) {
  action.allow({"do", "resume_from_checkpoint", "args"});
  RunFile::Action out;
  action.require("do", "\"train\", \"evaluate\" or \"predict\"");
  out.what = action.choice("do", "", {"train", "evaluate", "predict"});
  if (const auto* resume = action.find("resume_from_checkpoint")) {
    if (resume->is_bool()) {
      if (resume->get_bool()) out.resume_from_checkpoint = "";
    } else if (!resume->is_null()) {
      out.resume_from_checkpoint = parse_resume(RunSection::text_of(*resume, action.place("resume_from_checkpoint")));
    }
  }
  if (const auto* args = action.find("args")) {
    if (!args->is_object()) RunSection::wrong_type(*args, action.place("args"), "an object");
    out.args = args->get_object();
  }
  return out;
}

template <typename T, typename F>
std::vector<T> read_list(const RunSection& root, std::string_view key, F&& read) {
  std::vector<T> out;
  const auto* list = root.find(key);
  if (!list) return out;
  if (!list->is_array()) RunSection::wrong_type(*list, root.place(key), "a list");
  for (std::size_t i = 0; i < list->get_array().size(); ++i)
    out.push_back(read(RunSection(list->get_array()[i], root.place(key) + "[" + std::to_string(i) + "]")));
  return out;
}

// --set data.train=FILE: the value is JSON when it reads as JSON, else text.
void apply(json::value& root, const std::string& key, const std::string& text) {
  json::value v;
  try {
    v = json::parse(text, "--set");
  } catch (const Error&) {
    v = boost::json::string(text);
  }
  const bool path = key == "model.file" || key == "data.train" || key == "data.test" || key == "data.eval" ||
                    key.rfind("data.eval.", 0) == 0;
  if (path && v.is_string() && !text.empty() && text != "-")
    v = boost::json::string(std::filesystem::absolute(text).string());
  json::value* at = &root;
  std::size_t start = 0;
  while (true) {
    if (!at->is_object())
      throw_usage(error_id::run_file_invalid,
                  "--set " + key + ": the part before the last dot is not an object of the run file");
    const auto dot = key.find('.', start);
    const std::string part = key.substr(start, dot == key.npos ? key.npos : dot - start);
    if (part.empty())
      throw_usage(error_id::run_file_invalid, "--set " + key + ": expected KEY=VALUE with a key such as data.train");
    json::value& child = at->get_object()[part];
    if (dot == key.npos) {
      child = std::move(v);
      return;
    }
    if (child.is_null()) child = json::object{};
    at = &child;
    start = dot + 1;
  }
}

std::optional<std::int64_t> read_log_history_limit(const RunSection& root) {
  const auto* limit = root.find("log_history_limit");
  if (!limit) return {};
  return RunSection::whole_number(*limit, root.place("log_history_limit"), "a whole number from 1");
}

std::string read_compiled(const RunSection& root, const RunFile::Model& model) {
  const auto* compiled = root.find("compiled");
  if (!compiled || compiled->is_null() || *compiled == false) return {};
  if (!(*compiled == true || (compiled->is_string() && *compiled == "gradients")))
    RunSection::wrong_type(*compiled, root.place("compiled"), "true, false or \"gradients\"");
  if (model.type != "pt2")
    throw_usage(error_id::run_file_invalid, root.place("compiled") +
                                                " is for a model of the type \"pt2\", and this one is \"" + model.type +
                                                "\"; leave it out");
  return compiled->is_bool() ? "update" : "gradients";
}

// The paths of a file that is to say the same from another directory.
void make_absolute(json::object& root, const std::filesystem::path& folder) {
  const auto base = std::filesystem::absolute(folder / ".");
  const auto at = [&](json::value* v) {
    if (v && v->is_string() && *v != "-")
      *v = boost::json::string(absolute_to(base, std::string(v->get_string())).string());
  };
  const auto in = [&](std::string_view key) -> json::object* {
    auto* v = root.if_contains(key);
    return v ? v->if_object() : nullptr;
  };
  at(root.if_contains("init_from"));
  if (auto* model = in("model")) at(model->if_contains("file"));
  if (auto* data = in("data")) {
    for (const char* set : {"train", "eval", "test"}) at(data->if_contains(set));
    if (auto* eval = data->if_contains("eval"); eval && eval->is_object())
      for (auto& set : eval->get_object()) at(&set.value());
  }
}

// TrainingArguments alone, as to_json_string() and our checkpoints write them.
void refuse_bare_arguments(const json::value& v, const std::filesystem::path& path) {
  const auto* root = v.if_object();
  if (!root || root->contains("model") || root->contains("data")) return;
  const auto arguments =
      std::count_if(root->begin(), root->end(), [](const auto& entry) { return TrainingArguments::has(entry.key()); });
  if (arguments == 0) return;
  throw_usage(error_id::run_file_invalid,
              path.string() +
                  " holds TrainingArguments, expected a run file, which says \"model\" and \"data\", too, and has " +
                  "the arguments in its \"args\"; `trainer init --from " + path.string() + "` writes one");
}

}  // namespace

std::optional<std::string> parse_resume(std::string_view text) {
  const std::string word = lower(text);
  for (const char* no : {"false", "no", "none", "null", "off"})
    if (word == no) return std::nullopt;
  for (const char* yes : {"", "true", "yes", "on"})
    if (word == yes) return "";
  return std::string(text);
}

static const std::vector<std::string> policies = {"fail", "warn", "disable", "restart"};  // as OnError has them

OnError parse_on_error(const json::value& v, std::string_view where) {
  const std::string text = RunSection::text_of(v, std::string(where));
  RunSection::check_choice(text, std::string(where), policies);
  return static_cast<OnError>(std::find(policies.begin(), policies.end(), text) - policies.begin());
}

json::object tracker_json(const std::string& name, const TrackerSettings& settings) {
  json::object out{{"name", name}};
  if (settings.isolation) out["isolation"] = to_json(*settings.isolation);
  if (settings.on_error) out["on_error"] = policies[static_cast<int>(*settings.on_error)];
  return out;
}

RunFile RunFile::load(const std::filesystem::path& path,
                      const std::vector<std::pair<std::string, std::string>>& overrides) {
  json::value v = json::parse_commented_file(path);
  refuse_bare_arguments(v, path);
  for (const auto& [key, text] : overrides) apply(v, key, text);
  const RunSection root(v, path.string());
  for (const auto& entry : v.get_object())
    if (entry.key() != "callbacks")  // where the plugins' schemas say it
      refuse_zero_bytes(entry.value(), root.place(entry.key()));
  root.allow({"name", "model", "compiled", "init_from", "data", "loss", "metrics", "args", "callbacks", "actions",
              "async_save", "log_history_limit", "terminate_on_nan"});
  const auto base = path.parent_path();
  RunFile run;
  run.path = path;
  const auto& model = root.require("model", "\"model\": {\"type\": \"mlp\", \"layers\": [...]}");
  run.model = read_run_model(RunSection(model, root.place("model")), base);
  run.model_json = model.get_object();
  run.compiled = read_compiled(root, run.model);
  run.init_from = absolute_to(base, root.text("init_from", ""));
  run.data = read_run_data(
      RunSection(root.require("data", "\"data\": {\"train\": FILE, \"target\": COLUMN}"), root.place("data")), base);
  read_run_loss(root, run);
  read_run_metrics(root, run);
  if (const auto* args = root.find("args")) {
    if (!args->is_object()) RunSection::wrong_type(*args, root.place("args"), "an object");
    run.args = args->get_object();
    take_trackers(run.args, root.place("args"), run.trackers);
  }
  run.callbacks = read_list<Callback>(root, "callbacks", read_callback);
  run.actions = read_list<Action>(root, "actions", read_action);
  for (std::size_t i = 0; i < run.actions.size(); ++i)
    take_trackers(run.actions[i].args, root.place("actions[" + std::to_string(i) + "].args"), run.trackers);
  run.async_save = root.flag("async_save");
  run.log_history_limit = read_log_history_limit(root);
  run.terminate_on_nan = root.flag("terminate_on_nan");
  run.json = v.get_object();
  make_absolute(run.json, base);
  if (run.actions.empty()) run.actions.push_back({"train", std::nullopt, {}});
  return run;
}

}  // namespace trainer
