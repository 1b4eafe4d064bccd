// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string_view>

// Logging without a header of spdlog: LibTorch's include folder carries another fmt than spdlog's,
// so no file may see both.
namespace trainer::log {

enum class Level { debug, info, warning, error };

void debug(std::string_view text);
void info(std::string_view text);
void warning(std::string_view text);
void error(std::string_view text);

/// Written as on_one_line() says, whatever the text holds.
void write(Level level, std::string_view text);

/// A warning of one who holds up others, perhaps with the terminal's lock: it is written past bars and listeners.
void warning_at_once(std::string_view text);

/// Lowest level that is written; `info` at first.
void set_level(Level level);

/// Where lines go: stderr through spdlog at first. A program that has its own logging sets this; an
/// empty function brings spdlog back.
void set_sink(std::function<void(Level, std::string_view)> sink);

}  // namespace trainer::log
