// SPDX-License-Identifier: Apache-2.0
//
// How a run says that a plugin has a process of its own.
#include "trainer/isolation.hpp"

#include <array>
#include <cmath>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "base/text.hpp"
#include "trainer/error.hpp"

namespace trainer {
namespace {

constexpr double shortest_timeout = 0.01, longest_timeout = 1e6;
constexpr double least_memory = 32e6, most_memory = 1e15;  // bytes; with a small plugin it needs 20 MB
constexpr std::int64_t most_cpu_seconds = 1000000000, most_processes = 4194304;

[[noreturn]] void refuse(const std::string& place, const json::value& v, const std::string& expected) {
  throw_usage(error_id::isolation_invalid, place + " is " + json::dump(v) + ", expected " + expected);
}

struct Unit {
  std::string_view name;
  double bytes;
};
constexpr std::array<Unit, 9> units = {{{"B", 1},
                                        {"KB", 1e3},
                                        {"MB", 1e6},
                                        {"GB", 1e9},
                                        {"TB", 1e12},
                                        {"KiB", 1024.0},
                                        {"MiB", 1024.0 * 1024},
                                        {"GiB", 1024.0 * 1024 * 1024},
                                        {"TiB", 1024.0 * 1024 * 1024 * 1024}}};

// "2 GB", or a number of bytes.
std::uint64_t read_memory(const json::value& v, const std::string& place) {
  double bytes = 0;
  if (v.is_int64()) {
    bytes = static_cast<double>(v.get_int64());
  } else if (v.is_string()) {
    const std::string text(v.get_string());
    char* end = nullptr;
    const double number = std::strtod(text.c_str(), &end);
    const auto unit = std::string_view(end).find_first_not_of(' ');
    for (const auto& [name, factor] : units)
      if (unit != std::string_view::npos && std::string_view(end).substr(unit) == name) bytes = number * factor;
  }
  if (!(bytes >= least_memory && bytes <= most_memory))
    refuse(place, v, "an amount of memory such as \"2 GB\", from \"32 MB\" to \"1000 TB\"");
  return static_cast<std::uint64_t>(bytes);
}

std::uint64_t read_count(const json::value& v, const std::string& place, std::int64_t least, std::int64_t most) {
  if (!v.is_int64() || v.get_int64() < least || v.get_int64() > most)
    refuse(place, v, "a whole number from " + std::to_string(least) + " to " + std::to_string(most));
  return static_cast<std::uint64_t>(v.get_int64());
}

double read_seconds(const json::value& v, const std::string& place) {
  const double seconds = v.is_number() ? v.to_number<double>() : 0;
  if (!(seconds >= shortest_timeout && seconds <= longest_timeout)) refuse(place, v, "seconds from 0.01 to 1000000");
  return seconds;
}

bool read_flag(const json::value& v, const std::string& place) {
  if (!v.is_bool()) refuse(place, v, "true or false");
  return v.get_bool();
}

Isolation read_word(const json::value& v, const std::string& place) {
  const std::string_view word = v.is_string() ? std::string_view(v.get_string()) : std::string_view();
  if (word != "process" && word != "none")
    refuse(place, v, "\"process\", \"none\", or an object such as {\"in\": \"process\", \"timeout\": 60}");
  return {.process = word == "process"};
}

}  // namespace

Isolation parse_isolation(const json::value& v, std::string_view where) {
  const std::string place(where);
  if (!v.is_object()) return read_word(v, place);
  static const std::vector<std::string> keys = {"in",     "wait",        "timeout", "shutdown_timeout",
                                                "memory", "cpu_seconds", "network", "processes"};
  Isolation out;
  for (const auto& entry : v.get_object()) {
    const std::string key(entry.key());
    const std::string at = place + "." + key;
    const json::value& given = entry.value();
    if (key == "in") {
      out.process = read_word(given, at).process;
    } else if (key == "wait") {
      out.wait = read_flag(given, at);
    } else if (key == "timeout") {
      out.timeout = read_seconds(given, at);
    } else if (key == "shutdown_timeout") {
      out.shutdown_timeout = read_seconds(given, at);
    } else if (key == "memory") {
      out.memory = read_memory(given, at);
    } else if (key == "cpu_seconds") {
      out.cpu_seconds = read_count(given, at, 1, most_cpu_seconds);
    } else if (key == "network") {
      out.network = read_flag(given, at);
    } else if (key == "processes") {
      out.processes = read_count(given, at, 0, most_processes);
    } else {
      const std::string near = nearest(key, keys);
      throw_usage(error_id::isolation_invalid,
                  place + ": \"" + key + "\" is not a key here; " +
                      (near.empty() ? "the keys are " + join(keys) : "did you mean \"" + near + "\"?"));
    }
  }
  return out;
}

json::value to_json(const Isolation& isolation) {
  const Isolation usual{.process = isolation.process};
  if (isolation == usual) return isolation.process ? "process" : "none";
  json::object out{{"in", isolation.process ? "process" : "none"}};
  if (isolation.wait) out["wait"] = *isolation.wait;
  if (isolation.timeout != usual.timeout) out["timeout"] = isolation.timeout;
  if (isolation.shutdown_timeout != usual.shutdown_timeout) out["shutdown_timeout"] = isolation.shutdown_timeout;
  if (isolation.memory != 0) out["memory"] = static_cast<std::int64_t>(isolation.memory);
  if (isolation.cpu_seconds != 0) out["cpu_seconds"] = static_cast<std::int64_t>(isolation.cpu_seconds);
  if (!isolation.network) out["network"] = false;
  if (isolation.processes) out["processes"] = static_cast<std::int64_t>(*isolation.processes);
  return out;
}

std::optional<Isolation> isolation_of_environment() {
  const char* text = std::getenv("TRAINER_PLUGIN_ISOLATION");
  if (!text || !*text) return std::nullopt;
  static constexpr const char* name = "TRAINER_PLUGIN_ISOLATION";
  return parse_isolation(*text == '{' ? json::parse(text, name) : boost::json::string(text), name);
}

}  // namespace trainer
