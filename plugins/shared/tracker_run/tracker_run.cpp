// SPDX-License-Identifier: Apache-2.0
#include "shared/tracker_run/tracker_run.hpp"

#include <trainer/ext/parameters.h>

#include <chrono>
#include <cstdlib>
#include <ctime>
#include <random>
#include <trainer/sdk/repr.hpp>

namespace trainer::plugins {
namespace {

bool ends_with(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

}  // namespace

bool is_buffer(std::string_view name) {
  return ends_with(name, "running_mean") || ends_with(name, "running_var") || ends_with(name, "num_batches_tracked");
}

std::string rewrite_key(std::string_view key) {
  for (const char* group : {"eval", "test"}) {
    const std::string prefix = std::string(group) + "_";
    if (key.substr(0, prefix.size()) == prefix)
      return std::string(group) + "/" + std::string(key.substr(prefix.size()));
  }
  return "train/" + std::string(key);
}

bool is_single_value(std::string_view key) {
  return key == "train_runtime" || key == "train_samples_per_second" || key == "train_steps_per_second" ||
         key == "train_loss" || key == "total_flos";
}

JsonTree run_config(const sdk::Host& host) {
  JsonTree config;
  config.kind = JsonTree::Kind::object;
  const std::string model(host.model_config_json()), arguments(host.arguments_json());
  for (const std::string& part : {model, arguments}) {
    if (part.empty()) continue;
    JsonTree tree = parse_json(part);
    for (std::size_t i = 0; i < tree.keys.size(); ++i) config[tree.keys[i]] = std::move(tree.items[i]);
  }
  return config;
}

std::int64_t num_parameters(const sdk::Host& host) {
  if (host.model_config_json().empty()) return -1;
  const auto* tensors = host.extension<trainer_ext_parameters>(TRAINER_EXT_PARAMETERS);
  if (tensors == nullptr) return -1;
  std::int64_t elements = 0;
  const std::uint64_t count = tensors->count(host.raw(), TRAINER_OF_MODEL);
  for (std::uint64_t i = 0; i < count; ++i) {
    trainer_text name{};
    trainer_tensor tensor{};
    tensor.struct_size = sizeof tensor;
    if (tensors->at(host.raw(), TRAINER_OF_MODEL, i, &name, &tensor) != TRAINER_OK) break;
    if (is_buffer(sdk::view(name))) continue;
    std::int64_t size = 1;
    for (std::int32_t d = 0; d < tensor.ndim; ++d) size *= tensor.shape[d];
    elements += size;
  }
  return count == 0 ? -1 : elements;
}

void append_json(std::string& out, const sdk::Value& value) {
  switch (value.raw()->type) {
    case TRAINER_NULL:
      out += "null";
      break;
    case TRAINER_BOOLEAN:
      out += value.flag() ? "true" : "false";
      break;
    case TRAINER_INTEGER:
      sdk::append_repr(out, value.integer());
      break;
    case TRAINER_NUMBER: {
      const double number = value.number();
      if (number != number)
        out += "NaN";
      else if (number - number != 0)  // infinite
        out += number < 0 ? "-Infinity" : "Infinity";
      else
        sdk::append_repr(out, number);
      break;
    }
    case TRAINER_STRING:
      append_json_string(out, value.text(), Escape::utf8);
      break;
    default:
      out += value.text();
  }
}

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

bool is_true(std::string_view text) {
  std::string lower;
  for (const char c : text) lower.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c);
  return lower == "1" || lower == "true" || lower == "yes" || lower == "on" || lower == "t" || lower == "y";
}

std::string random_id(std::size_t length) {
  // The system's source: the run's seed must not give two runs one name.
  std::random_device source;
  std::uniform_int_distribution<int> digit(0, 35);
  std::string id;
  while (id.size() < length) id.push_back("0123456789abcdefghijklmnopqrstuvwxyz"[digit(source)]);
  return id;
}

std::string time_name(std::int64_t nanoseconds) {
  const auto seconds = static_cast<std::time_t>(nanoseconds / 1'000'000'000);
  std::tm parts{};
  ::localtime_r(&seconds, &parts);
  char text[32];
  std::strftime(text, sizeof text, "%Y%m%d_%H%M%S", &parts);
  return text;
}

std::string utc_now() {
  using namespace std::chrono;
  const auto now = floor<microseconds>(system_clock::now());
  const auto day = floor<days>(now);
  const year_month_day date(day);
  const hh_mm_ss time(now - day);
  char text[48];
  std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d.%06d+00:00", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                static_cast<int>(time.hours().count()), static_cast<int>(time.minutes().count()),
                static_cast<int>(time.seconds().count()), static_cast<int>(time.subseconds().count()));
  return text;
}

std::int64_t now_ns() {
  using namespace std::chrono;
  return duration_cast<nanoseconds>(system_clock::now().time_since_epoch()).count();
}

}  // namespace trainer::plugins
