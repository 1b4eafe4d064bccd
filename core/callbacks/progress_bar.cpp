// SPDX-License-Identifier: Apache-2.0
#include "callbacks/progress_bar.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "base/terminal.hpp"
#include "trainer/files.hpp"

namespace trainer {
namespace {

constexpr auto redraw_every = std::chrono::milliseconds(100);  // tqdm's mininterval

std::string clock_text(double seconds) {
  const auto s = static_cast<long>(seconds);
  char buffer[40];
  if (s >= 3600)
    std::snprintf(buffer, sizeof buffer, "%ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
  else
    std::snprintf(buffer, sizeof buffer, "%02ld:%02ld", s / 60, s % 60);
  return buffer;
}

std::string rate_text(double per_second) {
  char buffer[40];
  if (!(per_second > 0)) return "?it/s";
  if (per_second >= 1)
    std::snprintf(buffer, sizeof buffer, "%.2fit/s", per_second);
  else
    std::snprintf(buffer, sizeof buffer, "%.2fs/it", 1 / per_second);
  return buffer;
}

}  // namespace

ProgressBar::ProgressBar(std::int64_t total, bool leave) : total_(total), leave_(leave) { console::show(*this); }

ProgressBar::~ProgressBar() {
  const auto held = console::lock();
  if (leave_) {
    draw();
    std::fputc('\n', stderr);
  } else {
    wipe();
  }
  console::hide(*this);
}

void ProgressBar::advance_to(std::int64_t n) {
  n_ = n;
  if (Clock::now() - drawn_ < redraw_every) return;
  const auto held = console::lock();
  draw();
}

void ProgressBar::draw() {
  drawn_ = Clock::now();
  const double seconds = std::chrono::duration<double>(drawn_ - start_).count();
  std::fprintf(stderr, "\r%s", text(n_, total_, seconds, terminal_columns(2)).c_str());
  std::fflush(stderr);
}

void ProgressBar::wipe() {
  std::fputs("\r\033[K", stderr);
  std::fflush(stderr);
}

std::string ProgressBar::text(std::int64_t n, std::int64_t total, double seconds, int columns) {
  const double share = total > 0 ? std::min(1.0, double(n) / double(total)) : 0.0;
  const double rate = n > 0 && seconds > 0 ? double(n) / seconds : 0;
  char head[16];
  std::snprintf(head, sizeof head, "%3.0f%%|", std::floor(share * 100));
  const std::string tail = "| " + std::to_string(n) + "/" + std::to_string(total) + " [" + clock_text(seconds) + "<" +
                           (rate > 0 ? clock_text(double(std::max<std::int64_t>(total - n, 0)) / rate) : "?") + ", " +
                           rate_text(rate) + "]";
  const int width = std::max(1, columns - 1 - static_cast<int>(std::string(head).size() + tail.size()));
  static constexpr const char* blocks[] = {" ", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"};
  const int eighths = static_cast<int>(share * width * 8);
  std::string bar;
  for (int i = 0; i < width; ++i) bar += blocks[std::clamp(eighths - i * 8, 0, 8)];
  return head + bar + tail;
}

}  // namespace trainer
