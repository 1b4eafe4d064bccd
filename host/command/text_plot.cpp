// SPDX-License-Identifier: Apache-2.0
#include "command/text_plot.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "base/text.hpp"

namespace trainer::command {
namespace {

std::size_t place(double value, double low, double high, std::size_t count) {
  if (!(high > low)) return count / 2;
  const double scale = std::isfinite(high - low) ? 1 : 0.5;  // no double holds the distance of the farthest two
  const double share = (value * scale - low * scale) / (high * scale - low * scale);
  return static_cast<std::size_t>(std::lround(share * static_cast<double>(count - 1)));
}

// A line between two dots, so that a curve has no holes.
template <typename Set>
void draw_line(long x, long y, long to_x, long to_y, const Set& set) {
  const long steps = std::max({std::labs(to_x - x), std::labs(to_y - y), 1L});
  for (long i = 0; i <= steps; ++i) set(x + (to_x - x) * i / steps, y + (to_y - y) * i / steps);
}

std::string braille_character(unsigned dots) {
  const unsigned code = 0x2800 + dots;
  return {static_cast<char>(0xE0 | code >> 12), static_cast<char>(0x80 | (code >> 6 & 0x3F)),
          static_cast<char>(0x80 | (code & 0x3F))};
}

}  // namespace

std::vector<std::string> text_plot(const std::vector<double>& xs, const std::vector<double>& ys, std::size_t columns,
                                   std::size_t rows, bool braille) {
  const std::size_t across = braille ? 2 : 1, down = braille ? 4 : 1;
  const std::size_t width = columns * across, height = rows * down;
  double low_x = INFINITY, high_x = -INFINITY, low_y = INFINITY, high_y = -INFINITY;
  for (std::size_t i = 0; i < xs.size(); ++i) {
    if (!std::isfinite(xs[i]) || !std::isfinite(ys[i])) continue;
    low_x = std::min(low_x, xs[i]), high_x = std::max(high_x, xs[i]);
    low_y = std::min(low_y, ys[i]), high_y = std::max(high_y, ys[i]);
  }
  if (low_x > high_x) return {};
  std::vector<bool> dots(width * height);
  const auto set = [&](long x, long y) {
    dots[static_cast<std::size_t>(y) * width + static_cast<std::size_t>(x)] = true;
  };
  bool open = false;
  long last_x = 0, last_y = 0;
  for (std::size_t i = 0; i < xs.size(); ++i) {
    if (!std::isfinite(xs[i]) || !std::isfinite(ys[i])) {
      open = false;
      continue;
    }
    const auto x = static_cast<long>(place(xs[i], low_x, high_x, width));
    const auto y = static_cast<long>(height - 1 - place(ys[i], low_y, high_y, height));
    draw_line(open ? last_x : x, open ? last_y : y, x, y, set);
    last_x = x, last_y = y, open = true;
  }
  static constexpr unsigned bits[4][2] = {{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}};
  std::vector<std::string> lines(rows);
  for (std::size_t row = 0; row < rows; ++row)
    for (std::size_t column = 0; column < columns; ++column) {
      unsigned character = 0;
      for (std::size_t y = 0; y < down; ++y)
        for (std::size_t x = 0; x < across; ++x)
          if (dots[(row * down + y) * width + column * across + x]) character |= bits[y][x];
      lines[row] += braille ? braille_character(character) : character ? "*" : " ";
    }
  return lines;
}

bool terminal_takes_utf8() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"})
    if (const char* value = std::getenv(name); value && *value) {
      const std::string locale = lower(value);
      return locale.find("utf-8") != locale.npos || locale.find("utf8") != locale.npos;
    }
  return false;
}

}  // namespace trainer::command
