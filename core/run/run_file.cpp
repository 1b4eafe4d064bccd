// SPDX-License-Identifier: Apache-2.0
#include "trainer/run_file.hpp"

#include <algorithm>
#include <cctype>
#include <cmath>

#include "base/text.hpp"
#include "trainer/error.hpp"

namespace trainer {
namespace {

// One object of the file, with its place for messages.
class Section {
 public:
  Section(const json::value& v, std::string where) : where_(std::move(where)) {
    if (!v.is_object()) wrong(v, "an object");
    object_ = &v.get_object();
  }

  const std::string& where() const { return where_; }

  void allow(const std::vector<std::string>& names) const {
    for (const auto& entry : *object_) {
      const std::string key(entry.key());
      if (std::find(names.begin(), names.end(), key) != names.end()) continue;
      const std::string near = nearest(key, names);
      throw_usage(error_id::run_file_invalid,
                  where_ + ": \"" + key + "\" is not a key here; " +
                      (near.empty() ? "the keys are " + join(names) : "did you mean \"" + near + "\"?"));
    }
  }
  const json::value* find(std::string_view key) const { return object_->if_contains(key); }
  const json::value& require(std::string_view key, std::string_view what) const {
    if (const auto* v = find(key)) return *v;
    throw_usage(error_id::run_file_invalid, where_ + " has no \"" + std::string(key) + "\"; add " + std::string(what));
  }
  std::string place(std::string_view key) const { return where_ + "." + std::string(key); }

  std::string text(std::string_view key, std::string fallback) const {
    const auto* v = find(key);
    return v ? text_of(*v, place(key)) : fallback;
  }
  std::string choice(std::string_view key, std::string fallback, const std::vector<std::string>& names) const {
    std::string v = text(key, std::move(fallback));
    check_choice(v, place(key), names);
    return v;
  }
  bool flag(std::string_view key) const {
    const auto* v = find(key);
    if (v && !v->is_bool()) wrong_type(*v, place(key), "true or false");
    return v && v->get_bool();
  }
  std::vector<std::string> texts(std::string_view key, const char* expected) const {
    const auto* v = find(key);
    std::vector<std::string> out;
    if (v && !v->is_array()) wrong_type(*v, place(key), expected);
    if (v)
      for (const auto& text : v->get_array()) out.push_back(text_of(text, place(key)));
    return out;
  }
  static std::string text_of(const json::value& v, const std::string& place) {
    if (!v.is_string()) Section::wrong_type(v, place, "a string");
    return std::string(v.get_string());
  }
  static void check_choice(const std::string& v, const std::string& place, const std::vector<std::string>& names) {
    if (std::find(names.begin(), names.end(), v) != names.end()) return;
    const std::string near = nearest(v, names);
    throw_usage(error_id::run_file_invalid, place + " is \"" + v + "\", expected one of " + join(names) +
                                                (near.empty() ? "" : "; did you mean \"" + near + "\"?"));
  }
  [[noreturn]] static void wrong_type(const json::value& v, const std::string& place, std::string_view expected) {
    throw_usage(error_id::run_file_invalid, place + " is " + std::string(json::kind_name(v)) + " (" + json::dump(v) +
                                                "), expected " + std::string(expected));
  }

 private:
  [[noreturn]] void wrong(const json::value& v, std::string_view expected) const { wrong_type(v, where_, expected); }
  std::string where_;
  const json::object* object_ = nullptr;
};

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

std::filesystem::path absolute_to(const std::filesystem::path& base, const std::string& given) {
  return given.empty() ? std::filesystem::path() : (base / given).lexically_normal();
}

// A model of PyTorch.
RunFile::Model read_exported(const Section& model, const std::filesystem::path& base) {
  model.allow({"type", "file", "inputs", "outputs"});
  RunFile::Model out;
  out.type = "pt2";
  out.file = absolute_to(base, Section::text_of(model.require("file", "the .pt2 file"), model.place("file")));
  if (const auto* inputs = model.find("inputs")) {
    if (!inputs->is_object()) Section::wrong_type(*inputs, model.place("inputs"), "an object of inputs and columns");
    for (const auto& input : inputs->get_object())
      out.inputs.emplace(input.key(), Section::text_of(input.value(), model.place("inputs")));
  }
  out.outputs = model.texts("outputs", "a list of names");
  return out;
}

RunFile::Model read_model(const Section& model, const std::filesystem::path& base) {
  if (model.choice("type", "mlp", {"mlp", "pt2"}) == "pt2") return read_exported(model, base);
  model.allow({"type", "layers", "activation"});
  RunFile::Model out;
  out.type = "mlp";
  out.activation = model.choice("activation", "relu", {"relu", "tanh", "sigmoid", "gelu"});
  const auto& layers = model.require("layers", "the widths, such as [64, 64, 10]");
  if (!layers.is_array() || layers.get_array().size() < 2)
    Section::wrong_type(layers, model.place("layers"), "a list of at least two widths");
  for (const auto& width : layers.get_array()) {
    if (!width.is_int64() || width.get_int64() < 1 || width.get_int64() > 1 << 24)
      Section::wrong_type(width, model.place("layers"), "widths from 1 to 16777216");
    out.layers.push_back(width.get_int64());
  }
  return out;
}

// How the files are to be read.
void read_format(const Section& data, RunFile::Data& out) {
  out.drop = data.texts("drop", "a list of columns");
  if (const auto* missing = data.find("missing")) {
    if (missing->is_number() && std::isfinite(static_cast<float>(missing->to_number<double>())))
      out.missing_number = missing->to_number<double>();
    else if (missing->is_string() && missing->get_string() == "mean")
      out.missing_mean = true;
    else if (!missing->is_string() || missing->get_string() != "error")
      Section::wrong_type(*missing, data.place("missing"), "\"error\", \"mean\" or a number that fits into 32 bits");
  }
  if (const auto* separator = data.find("separator")) {
    const std::string text = Section::text_of(*separator, data.place("separator"));
    out.separator = text == "tab" ? '\t' : text.size() == 1 ? text[0] : 0;
    // A letter, a digit or a sign is part of what a cell says.
    if (!out.separator || std::isalnum(static_cast<unsigned char>(out.separator)) || text[0] < 0 ||
        std::string_view("\"\r\n.+-_").find(out.separator) != std::string_view::npos)
      Section::wrong_type(*separator, data.place("separator"), "one character such as \",\" or \";\", or \"tab\"");
  }
  out.decimal = data.choice("decimal", ".", {".", ","})[0];
  if (out.decimal == out.separator)
    throw_usage(error_id::run_file_invalid,
                data.place("decimal") + " is \",\", and so is the separator; name the one that parts the cells");
}

RunFile::Data read_data(const Section& data, const std::filesystem::path& base) {
  data.allow({"train", "eval", "test", "target", "drop", "missing", "separator", "decimal"});
  RunFile::Data out;
  out.train = absolute_to(base, data.text("train", ""));
  out.test = absolute_to(base, data.text("test", ""));
  if (const auto* eval = data.find("eval")) {
    if (eval->is_object())
      for (const auto& set : eval->get_object()) {
        if (set.key().empty())
          throw_usage(error_id::run_file_invalid,
                      data.place("eval") + " has a set without a name, whose metrics would be another's; name it");
        out.eval.emplace_back(set.key(), absolute_to(base, Section::text_of(set.value(), data.place("eval"))));
      }
    else
      out.eval.emplace_back("", absolute_to(base, Section::text_of(*eval, data.place("eval"))));
  }
  read_format(data, out);
  if (out.has_csv() || data.find("target"))
    out.target = Section::text_of(data.require("target", "the name of the label's column"), data.place("target"));
  return out;
}

RunFile::Callback read_callback(const Section& callback) {
  callback.allow({"plugin", "config", "on_error"});
  RunFile::Callback out;
  out.where = callback.where();
  out.plugin = Section::text_of(callback.require("plugin", "the id of an installed plugin"), callback.place("plugin"));
  if (const auto* config = callback.find("config")) {
    if (!config->is_object()) Section::wrong_type(*config, callback.place("config"), "an object");
    out.config = config->get_object();
  }
  if (const auto* policy = callback.find("on_error"))
    out.on_error = parse_on_error(*policy, callback.place("on_error"));
  return out;
}

RunFile::Action read_action(const Section& action) {
  action.allow({"do", "resume_from_checkpoint", "args"});
  RunFile::Action out;
  action.require("do", "\"train\", \"evaluate\" or \"predict\"");
  out.what = action.choice("do", "", {"train", "evaluate", "predict"});
  if (const auto* resume = action.find("resume_from_checkpoint")) {
    if (resume->is_bool()) {
      if (resume->get_bool()) out.resume_from_checkpoint = "";
    } else if (!resume->is_null()) {
      out.resume_from_checkpoint = parse_resume(Section::text_of(*resume, action.place("resume_from_checkpoint")));
    }
  }
  if (const auto* args = action.find("args")) {
    if (!args->is_object()) Section::wrong_type(*args, action.place("args"), "an object");
    out.args = args->get_object();
  }
  return out;
}

template <typename T, typename F>
std::vector<T> read_list(const Section& root, std::string_view key, F&& read) {
  std::vector<T> out;
  const auto* list = root.find(key);
  if (!list) return out;
  if (!list->is_array()) Section::wrong_type(*list, root.place(key), "a list");
  for (std::size_t i = 0; i < list->get_array().size(); ++i)
    out.push_back(read(Section(list->get_array()[i], root.place(key) + "[" + std::to_string(i) + "]")));
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
  if (path && v.is_string() && !text.empty()) v = boost::json::string(std::filesystem::absolute(text).string());
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

std::vector<std::string> read_metrics(const Section& root, const std::string& loss) {
  std::vector<std::string> names;
  const auto* metrics = root.find("metrics");
  if (!metrics) return names;
  if (!metrics->is_array()) Section::wrong_type(*metrics, root.place("metrics"), "a list");
  for (const auto& metric : metrics->get_array()) {
    names.push_back(Section::text_of(metric, root.place("metrics")));
    Section::check_choice(names.back(), root.place("metrics"), {"accuracy"});
  }
  if (!names.empty() && loss == "mse")
    throw_usage(error_id::run_file_invalid,
                root.place("metrics") +
                    " asks for accuracy, which needs class labels, but loss is \"mse\"; use "
                    "\"cross_entropy\" or leave the metric out");
  return names;
}

// One target is compared with one output, and a class with its own.
void check_outputs(const Section& root, const RunFile& run) {
  const auto outputs = run.model.layers.back();
  const std::string place = root.place("model") + ".layers ends with " + std::to_string(outputs);
  if (run.loss == "mse" && outputs != 1)
    throw_usage(error_id::run_file_invalid, place +
                                                ", but with loss \"mse\" there is one target, data.target; end with "
                                                "1, or set loss to \"cross_entropy\" if it holds classes");
  if (run.loss == "cross_entropy" && outputs == 1)
    throw_usage(error_id::run_file_invalid,
                place +
                    ", but loss \"cross_entropy\" needs an output for each class, two at least; end with their "
                    "number, or set loss to \"mse\" if data.target holds numbers");
}

std::optional<std::int64_t> read_log_history_limit(const Section& root) {
  const auto* limit = root.find("log_history_limit");
  if (!limit) return {};
  if (!limit->is_int64() || limit->get_int64() < 1)
    Section::wrong_type(*limit, root.place("log_history_limit"), "a whole number from 1");
  return limit->get_int64();
}

}  // namespace

bool RunFile::Data::is_columns(const std::filesystem::path& file) { return file.extension() == ".safetensors"; }

bool RunFile::Data::has_csv() const {
  std::vector<std::filesystem::path> files{train, test};
  for (const auto& [name, file] : eval) files.push_back(file);
  return std::any_of(files.begin(), files.end(), [](const auto& f) { return !f.empty() && !is_columns(f); });
}

std::optional<std::string> parse_resume(std::string_view text) {
  const std::string word = lower(text);
  for (const char* no : {"false", "no", "none", "null", "off"})
    if (word == no) return std::nullopt;
  for (const char* yes : {"", "true", "yes", "on"})
    if (word == yes) return "";
  return std::string(text);
}

OnError parse_on_error(const json::value& v, std::string_view where) {
  const std::string text = Section::text_of(v, std::string(where));
  Section::check_choice(text, std::string(where), {"fail", "warn", "disable"});
  return text == "fail" ? OnError::fail : text == "warn" ? OnError::warn : OnError::disable;
}

RunFile RunFile::load(const std::filesystem::path& path,
                      const std::vector<std::pair<std::string, std::string>>& overrides) {
  json::value v = json::parse_file(path);
  for (const auto& [key, text] : overrides) apply(v, key, text);
  const Section root(v, path.string());
  for (const auto& entry : v.get_object())
    if (entry.key() != "callbacks")  // where the plugins' schemas say it
      refuse_zero_bytes(entry.value(), root.place(entry.key()));
  root.allow({"name", "model", "init_from", "data", "loss", "metrics", "args", "callbacks", "actions", "async_save",
              "log_history_limit", "terminate_on_nan"});
  const auto base = path.parent_path();
  RunFile run;
  run.path = path;
  const auto& model = root.require("model", "\"model\": {\"type\": \"mlp\", \"layers\": [...]}");
  run.model = read_model(Section(model, root.place("model")), base);
  run.model_json = model.get_object();
  run.init_from = absolute_to(base, root.text("init_from", ""));
  run.data = read_data(
      Section(root.require("data", "\"data\": {\"train\": FILE, \"target\": COLUMN}"), root.place("data")), base);
  if (run.model.type != "pt2") root.require("loss", "\"loss\": \"mse\" or \"cross_entropy\"");
  if (root.find("loss")) run.loss = root.choice("loss", "", {"mse", "cross_entropy"});
  if (run.model.type != "pt2") check_outputs(root, run);
  run.metrics = read_metrics(root, run.loss);
  if (const auto* args = root.find("args")) {
    if (!args->is_object()) Section::wrong_type(*args, root.place("args"), "an object");
    run.args = args->get_object();
  }
  run.callbacks = read_list<Callback>(root, "callbacks", read_callback);
  run.actions = read_list<Action>(root, "actions", read_action);
  run.async_save = root.flag("async_save");
  run.log_history_limit = read_log_history_limit(root);
  run.terminate_on_nan = root.flag("terminate_on_nan");
  if (run.actions.empty()) run.actions.push_back({"train", std::nullopt, {}});
  return run;
}

}  // namespace trainer
