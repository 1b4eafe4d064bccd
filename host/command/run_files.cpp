// SPDX-License-Identifier: Apache-2.0
#include "command/run_files.hpp"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <optional>

#include "command/result_lines.hpp"
#include "report/page.hpp"
#include "state/checkpoint_names.hpp"
#include "trainer/error.hpp"
#include "trainer/files.hpp"
#include "trainer/json.hpp"

namespace trainer::command {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t most_tensors = 500;  // of which the page tells the shape

std::optional<json::object> object_if_json(std::string_view text) {
  try {
    const json::value v = json::parse(text, "");
    if (v.is_object()) return v.get_object();
  } catch (const Error&) {
  }
  return std::nullopt;
}

std::optional<std::string> text_if_file(const fs::path& path) {
  std::error_code ec;
  if (!fs::is_regular_file(path, ec)) return std::nullopt;
  try {
    return read_file(path);
  } catch (const Error&) {
    return std::nullopt;
  }
}

std::optional<std::string> first_text(const fs::path& beside, const fs::path& home, const char* name) {
  if (auto text = text_if_file(beside / name)) return text;
  return text_if_file(home / name);
}

double to_double(const json::value& v) {
  if (v.is_string()) return std::strtod(v.get_string().c_str(), nullptr);  // NaN and the infinities
  return v.is_number() ? v.to_number<double>() : 0;
}

// A number: they are 0, 1 and so on, as the page calls them by itself.
void read_class_names(report::Run& run, const json::value& data) {
  const auto* description = data.if_object();
  const auto* names = description ? description->if_contains("classes") : nullptr;
  if (!names || !names->is_array()) return;
  for (const auto& name : names->get_array())
    run.class_names.push_back(name.is_string() ? std::string(name.get_string()) : json::dump(name));
}

void read_arguments(report::Run& run, const json::object& arguments) {
  if (const auto* data = arguments.if_contains("data")) read_class_names(run, *data);
  for (const auto& entry : arguments)
    if (entry.key() != "data")  // describes the columns
      run.arguments.emplace_back(entry.key(), json::dump(entry.value()));
}

// "F32" is float32, "BF16" bfloat16, "I64" int64, "U8" uint8, "BOOL" bool.
std::string type_name_of(std::string_view name) {
  const auto digits = name.find_first_of("0123456789");
  const std::string_view kind = name.substr(0, digits), bits = digits == name.npos ? "" : name.substr(digits);
  const std::string word = kind == "F"      ? "float"
                           : kind == "BF"   ? "bfloat"
                           : kind == "I"    ? "int"
                           : kind == "U"    ? "uint"
                           : kind == "BOOL" ? "bool"
                                            : std::string(kind);
  return word + std::string(bits);
}

// The names and shapes of model.safetensors: 8 bytes with the size of the header, which is JSON.
void read_tensors(report::Run& run, const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  unsigned char head[8];
  if (!in.read(reinterpret_cast<char*>(head), sizeof head)) return;
  std::uint64_t size = 0;
  for (int i = 7; i >= 0; --i) size = size << 8 | head[i];
  if (size > 64u << 20) return;
  std::string text(size, '\0');
  if (!in.read(text.data(), static_cast<std::streamsize>(size))) return;
  const auto header = object_if_json(text);
  if (!header) return;
  for (const auto& entry : *header) {
    if (entry.key() == "__metadata__" || !entry.value().is_object()) continue;
    const auto* shape = entry.value().get_object().if_contains("shape");
    const auto* dtype = entry.value().get_object().if_contains("dtype");
    if (!shape || !shape->is_array() || !dtype || !dtype->is_string()) return;
    report::Tensor tensor{entry.key(), {}, type_name_of(dtype->get_string())};
    double elements = 1;
    for (const auto& v : shape->get_array()) {
      tensor.shape.push_back(static_cast<std::int64_t>(to_double(v)));
      elements *= to_double(v);
    }
    run.parameter_elements += elements < 9e18 ? static_cast<std::int64_t>(elements) : 0;
    ++run.parameter_tensors;
    if (run.parameters.size() < most_tensors) run.parameters.push_back(std::move(tensor));
  }
}

void read_plugins(report::Run& run, const json::object& lock) {
  const auto* plugins = lock.if_contains("plugins");
  if (!plugins || !plugins->is_array()) return;
  for (const auto& plugin : plugins->get_array()) {
    const auto* id = plugin.is_object() ? plugin.get_object().if_contains("id") : nullptr;
    if (!id || !id->is_string()) continue;
    const std::string name(id->get_string());
    if (std::none_of(run.callbacks.begin(), run.callbacks.end(), [&](const auto& one) { return one.name == name; }))
      run.callbacks.push_back({name, {}, 0, 0});
  }
}

void read_notes(std::vector<report::Note>& notes, const json::value& from, std::int64_t last_step) {
  for (const auto& v : from.as_array()) {
    const auto& note = v.as_object();
    const auto step = note.at("step").to_number<std::int64_t>();
    if (step <= last_step)
      notes.push_back({step, to_double(note.at("epoch")), std::string(note.at("text").as_string())});
  }
}

// What a plugin saw of the run that draws a page of it, and nobody else wrote down. False: it is no such page.
bool read_page(report::Run& run, std::string_view page) try {
  const auto data = object_if_json(report::page_data(page));
  if (!data) return false;
  const auto& runs = data->at("runs").as_array();
  if (runs.size() != 1) return false;
  const auto& from = runs[0].as_object();
  const auto& time = from.at("time").as_object();
  const auto &steps = time.at("steps").as_array(), &epochs = time.at("epochs").as_array(),
             &values = time.at("values").as_array();
  for (std::size_t i = 0; i < steps.size(); ++i)
    run.time.add({steps[i].to_number<std::int64_t>(), to_double(epochs.at(i)), to_double(values.at(i))});
  read_notes(run.events, from.at("events"), run.global_step);
  read_notes(run.warnings, from.at("warnings"), run.global_step);
  const auto costs = object_if_json(report::page_costs(page));
  if (!costs) return true;
  run.train_seconds = to_double(costs->at("train_seconds"));
  run.data_seconds = to_double(costs->at("data_seconds"));
  run.callbacks.clear();
  for (const auto& v : costs->at("callbacks").as_array()) {
    const auto& one = v.as_object();
    run.callbacks.push_back({std::string(one.at("name").as_string()), to_double(one.at("seconds")),
                             one.at("calls").to_number<std::uint64_t>(), one.at("errors").to_number<std::uint64_t>()});
  }
  return true;
} catch (const std::exception&) {  // a page of another version
  return true;
}

// Those that plugins name; of a run that has not ended, or whose plugins did not say it, the newest first of those that
// lie there.
std::vector<fs::path> pages_in(const fs::path& home, const std::vector<PluginResult>& results) {
  auto pages = pages_of(results);
  if (!pages.empty()) return pages;
  std::error_code ec;
  for (const auto& entry : fs::directory_iterator(home, ec))
    if (entry.path().extension() == ".html" && entry.is_regular_file(ec)) pages.push_back(entry.path());
  std::sort(pages.begin(), pages.end(), [](const fs::path& a, const fs::path& b) {
    std::error_code ignored;
    return fs::last_write_time(a, ignored) > fs::last_write_time(b, ignored);
  });
  return pages;
}

}  // namespace

void read_files(report::Run& run, const fs::path& beside, const fs::path& home) {
  if (const auto text = first_text(beside, home, args_file))
    if (const auto arguments = object_if_json(*text)) read_arguments(run, *arguments);
  if (const auto text = first_text(beside, home, "config.json"); text && object_if_json(*text))
    run.model_config = *text;
  read_tensors(run, fs::exists(beside / weights_file) ? beside / weights_file : home / weights_file);
  if (const auto text = text_if_file(home / "plugins.lock"))
    if (const auto lock = object_if_json(*text)) read_plugins(run, *lock);
  const auto results = kept_plugin_results(home);
  run.results = readable(results);
  for (const fs::path& page : pages_in(home, results))
    if (const auto text = text_if_file(page); text && read_page(run, *text)) break;
}

}  // namespace trainer::command
