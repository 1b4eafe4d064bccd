// SPDX-License-Identifier: Apache-2.0
#include "command/run_reader.hpp"

#include <algorithm>
#include <optional>

#include "command/run_files.hpp"
#include "state/checkpoint_names.hpp"
#include "trainer/error.hpp"
#include "trainer/files.hpp"
#include "trainer/json.hpp"

namespace trainer::command {
namespace fs = std::filesystem;
namespace {

// What a field is not, where a Trainer writes it at all; None is null.
void check_fields(const json::object& state, const fs::path& path) {
  const auto refuse = [&](const std::string& what, const json::value& v, const char* expected) {
    throw_usage(error_id::trainer_state_invalid, path.string() + ": " + what + " is " +
                                                     std::string(json::kind_name(v)) + " (" +
                                                     json::dump(v).substr(0, 60) + "), expected " + expected +
                                                     ", as a Trainer writes trainer_state.json; name such a file");
  };
  const auto check = [&](std::initializer_list<const char*> names, const char* expected, auto&& fits) {
    for (const char* name : names)
      if (const auto* v = state.if_contains(name); v && !v->is_null() && !fits(*v)) refuse(name, *v, expected);
  };
  check({"max_steps", "num_train_epochs", "num_input_tokens_seen"}, "a whole number",
        [](const json::value& v) { return v.is_int64() || v.is_uint64(); });
  check({"global_step", "best_global_step"}, "a whole number from 0",
        [](const json::value& v) { return v.is_int64() ? v.get_int64() >= 0 : v.is_uint64(); });
  check({"epoch", "total_flos", "best_metric"}, "a number", [](const json::value& v) { return v.is_number(); });
  check({"best_model_checkpoint"}, "a text", [](const json::value& v) { return v.is_string(); });
  check({"stateful_callbacks"}, "an object", [](const json::value& v) { return v.is_object(); });
  const auto* history = state.if_contains("log_history");
  if (!history)
    throw_usage(error_id::trainer_state_invalid,
                path.string() + " has no \"log_history\", which every trainer_state.json has; name such a file");
  if (!history->is_array()) refuse("log_history", *history, "a list");
  for (std::size_t i = 0; i < history->get_array().size(); ++i) {
    const json::value& entry = history->get_array()[i];
    const std::string place = "log_history[" + std::to_string(i) + "]";
    if (!entry.is_object()) refuse(place, entry, "an object");
    for (const char* name : {"step", "epoch"})
      if (const auto* v = entry.get_object().if_contains(name); v && !v->is_number() && !v->is_null())
        refuse(place + "." + name, *v, "a number");
    if (const auto* v = entry.get_object().if_contains("step"); v && v->is_number() && v->to_number<double>() < 0)
      refuse(place + ".step", *v, "a number from 0");
  }
}

double number_of(const json::object& from, std::string_view key, double otherwise = 0) {
  const auto* v = from.if_contains(key);
  if (v == nullptr) return otherwise;
  if (v->is_int64()) return static_cast<double>(v->get_int64());
  if (v->is_uint64()) return static_cast<double>(v->get_uint64());
  return v->is_double() ? v->get_double() : otherwise;
}

std::int64_t integer_of(const json::object& from, std::string_view key) {
  const double v = number_of(from, key);
  return v > -9e18 && v < 9e18 ? static_cast<std::int64_t>(v) : 0;  // a NaN is neither
}

void read_entry(report::Run& run, const json::object& entry) {
  const std::int64_t step = integer_of(entry, "step");
  const double epoch = number_of(entry, "epoch");
  for (const auto& field : entry) {
    const auto& v = field.value();
    if (field.key() == "step" || field.key() == "epoch" || v.is_null()) continue;
    if (v.is_number())
      run.curve(field.key()).add({step, epoch, number_of(entry, field.key())});
    else if (v.is_bool())
      run.curve(field.key()).add({step, epoch, v.get_bool() ? 1.0 : 0.0});
    else
      run.text(field.key(), v.is_string() ? std::string(v.get_string()) : json::dump(v));
  }
}

void read_state(report::Run& run, const json::object& state) {
  run.global_step = integer_of(state, "global_step");
  run.max_steps = integer_of(state, "max_steps");
  run.num_train_epochs = integer_of(state, "num_train_epochs");
  run.num_input_tokens_seen = integer_of(state, "num_input_tokens_seen");
  run.epoch = number_of(state, "epoch");
  run.total_flos = number_of(state, "total_flos");
  if (const auto* v = state.if_contains("best_metric"); v && v->is_number())
    run.best_metric = number_of(state, "best_metric");
  if (const auto* v = state.if_contains("best_global_step"); v && v->is_number())
    run.best_global_step = integer_of(state, "best_global_step");
  if (const auto* v = state.if_contains("best_model_checkpoint"); v && v->is_string())
    run.best_model_checkpoint = v->get_string();
  for (const auto& entry : state.at("log_history").get_array()) read_entry(run, entry.get_object());
  if (const auto* callbacks = state.if_contains("stateful_callbacks"); callbacks && callbacks->is_object())
    for (const auto& callback : callbacks->get_object()) run.callbacks.push_back({callback.key(), {}, 0, 0});
  // The summary is the last that a training logs.
  if (run.curve_or_null("train_runtime") || (run.max_steps > 0 && run.global_step >= run.max_steps))
    run.status = report::Run::Status::finished;
}

json::object read_object(const fs::path& path) {
  json::value v = json::parse_file(path);
  if (v.is_object()) {
    check_fields(v.get_object(), path);
    return std::move(v.get_object());
  }
  throw_usage(error_id::trainer_state_invalid, path.string() + " is " + std::string(json::kind_name(v)) +
                                                   ", expected the JSON object of a trainer_state.json");
}

std::vector<std::pair<std::int64_t, fs::path>> checkpoints_below(const fs::path& directory) {
  std::vector<std::pair<std::int64_t, fs::path>> found;
  std::error_code ec;
  for (const auto& entry : fs::directory_iterator(directory, ec))
    if (const auto step = checkpoint_step(entry.path().filename().string());
        step && fs::exists(entry.path() / state_file))
      found.emplace_back(*step, entry.path());
  std::sort(found.begin(), found.end());
  return found;
}

// The state file that tells most of an output_dir.
std::pair<fs::path, json::object> find_state(const fs::path& given) {
  if (!fs::is_directory(given)) return {given, read_object(given)};
  std::optional<std::pair<fs::path, json::object>> own;
  if (fs::exists(given / state_file)) own.emplace(given / state_file, read_object(given / state_file));
  const auto checkpoints = checkpoints_below(given);
  if (!checkpoints.empty() && (!own || checkpoints.back().first > integer_of(own->second, "global_step"))) {
    const fs::path newest = checkpoints.back().second / state_file;
    return {newest, read_object(newest)};
  }
  if (own) return std::move(*own);
  throw_usage(error_id::command_usage,
              given.string() + " has no " + state_file +
                  ", nor has a checkpoint in it; expected the output_dir of a run, or the file");
}

// The directory that the run wrote to, as far as a state's place tells.
fs::path home_of(const fs::path& state) {
  const fs::path directory = fs::absolute(state).lexically_normal().parent_path();
  return checkpoint_step(directory.filename().string()) ? directory.parent_path() : directory;
}

}  // namespace

ReadRun read_run(const fs::path& given) {
  auto [file, state] = find_state(given);
  ReadRun out;
  out.state = file;
  report::Run& run = out.run;
  read_state(run, state);
  const fs::path home = home_of(file), beside = fs::absolute(file).lexically_normal().parent_path();
  run.directory = home.string();
  // What belongs to a run stands beside a file of that name only.
  if (file.filename() != state_file) {
    run.name = file.filename().string();
    run.directory.clear();
    return out;
  }
  run.name = home.filename().string();
  // Somebody asked for that checkpoint, not for the newest.
  if (beside != home && (given.filename() == state_file || fs::equivalent(given, beside)))
    run.name += "/" + beside.filename().string();
  read_files(run, beside, home);
  for (const auto& [step, path] : checkpoints_below(home)) run.checkpoints.push_back({step, 0, path.string()});
  return out;
}

}  // namespace trainer::command
