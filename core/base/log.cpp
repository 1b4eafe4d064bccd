// SPDX-License-Identifier: Apache-2.0
#include "trainer/log.hpp"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <cstdlib>
#include <mutex>
#include <optional>
#include <string>

#include "trainer/console.hpp"
#include "trainer/error.hpp"

namespace trainer::log {
namespace {

std::atomic<Level> lowest{Level::info};
std::mutex sink_mutex;
std::function<void(Level, std::string_view)> custom_sink;

spdlog::logger& logger() {
  // Never destroyed: a plugin may still log while static objects are going away.
  static auto* instance = [] {
    const char* no_color = std::getenv("NO_COLOR");
    const bool plain = no_color && *no_color;
    auto sink = std::make_shared<spdlog::sinks::stderr_color_sink_mt>(plain ? spdlog::color_mode::never
                                                                            : spdlog::color_mode::automatic);
    auto* made = new spdlog::logger("trainer", std::move(sink));
    made->set_formatter(
        std::make_unique<spdlog::pattern_formatter>("%^%l%$: %v", spdlog::pattern_time_type::local, "\n"));
    made->set_level(spdlog::level::trace);
    return made;
  }();
  return *instance;
}

// The text as one line; nothing when nobody wants the level, or the program has its own logging.
std::optional<std::string> wanted(Level level, std::string_view text) {
  if (level < lowest.load(std::memory_order_relaxed)) return {};
  std::string line = on_one_line(text);
  std::lock_guard lock(sink_mutex);
  if (!custom_sink) return line;
  custom_sink(level, line);
  return {};
}

}  // namespace

void warning_at_once(std::string_view text) {
  if (const auto line = wanted(Level::warning, text)) logger().log(spdlog::level::warn, spdlog::string_view_t(*line));
}

void write(Level level, std::string_view given) {
  const auto text = wanted(level, given);
  if (!text) return;
  static constexpr spdlog::level::level_enum levels[] = {spdlog::level::debug, spdlog::level::info, spdlog::level::warn,
                                                         spdlog::level::err};
  static constexpr const char* names[] = {"debug: ", "info: ", "warning: ", "error: "};
  std::string line = names[static_cast<int>(level)];
  const console::Line room(console::Stream::error, line.append(*text));
  logger().log(levels[static_cast<int>(level)], spdlog::string_view_t(*text));
}

void debug(std::string_view text) { write(Level::debug, text); }
void info(std::string_view text) { write(Level::info, text); }
void warning(std::string_view text) { write(Level::warning, text); }
void error(std::string_view text) { write(Level::error, text); }

void set_level(Level level) { lowest = level; }

void set_sink(std::function<void(Level, std::string_view)> sink) {
  std::lock_guard lock(sink_mutex);
  custom_sink = std::move(sink);
}

}  // namespace trainer::log
