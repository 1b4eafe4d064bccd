// SPDX-License-Identifier: Apache-2.0
#include "trainer/console.hpp"

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <list>
#include <vector>

#include "trainer/error.hpp"

namespace trainer::console {
namespace {

constexpr std::size_t longest_printed = 1 << 16;  // a log of a thousand metrics

struct Shared {
  std::recursive_mutex mutex;
  std::vector<Bar*> bars;
  std::list<Listener> listeners;
  bool telling = false;
  bool to_stderr = false;
};

// Never destroyed: a plugin may still log while static objects are going away.
Shared& shared() {
  static auto* instance = new Shared;
  return *instance;
}

}  // namespace

std::unique_lock<std::recursive_mutex> lock() { return std::unique_lock(shared().mutex); }

void print(std::string_view given) {
  const std::string line = on_one_line(given, longest_printed);
  const Line room(Stream::out, line);
  std::FILE* const stream = shared().to_stderr ? stderr : stdout;
  std::fwrite(line.data(), 1, line.size(), stream);
  std::fputc('\n', stream);
  std::fflush(stream);
}

void print_to_stderr() {
  const auto held = lock();
  shared().to_stderr = true;
}

void show(Bar& bar) {
  const auto held = lock();
  if (!shared().bars.empty()) shared().bars.back()->wipe();
  shared().bars.push_back(&bar);
  bar.draw();
}

void hide(Bar& bar) {
  const auto held = lock();
  auto& bars = shared().bars;
  bars.erase(std::remove(bars.begin(), bars.end(), &bar), bars.end());
  if (!bars.empty()) bars.back()->draw();
}

Line::Line(Stream stream, std::string_view text) : lock_(lock()), stream_(stream), text_(text) {
  if (!shared().bars.empty()) shared().bars.back()->wipe();
}

Line::~Line() {
  Shared& s = shared();
  if (!s.telling) {
    s.telling = true;
    for (const Listener& listener : s.listeners) listener(stream_, text_);
    s.telling = false;
  }
  if (!s.bars.empty()) s.bars.back()->draw();
}

std::shared_ptr<void> listen(Listener listener) {
  const auto held = lock();
  auto& listeners = shared().listeners;
  listeners.push_back(std::move(listener));
  return {nullptr, [at = std::prev(listeners.end())](void*) {
            const auto held_again = lock();
            shared().listeners.erase(at);
          }};
}

}  // namespace trainer::console
