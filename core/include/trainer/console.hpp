// SPDX-License-Identifier: Apache-2.0
//
// The terminal that a run shares with its progress bars: whole lines, one at a time, and whoever wants
// to see them. From any thread.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string_view>

namespace trainer::console {

enum class Stream { out = 1, error = 2 };  // TRAINER_STDOUT, TRAINER_STDERR of ext/console.h

/// Writes a line to stdout and flushes it, as on_one_line() says, cut at 64 KiB.
void print(std::string_view line);

/// From now on print() writes to stderr: stdout is for a result alone.
void print_to_stderr();

/// Something drawn on the last line of the terminal. Registered while it lives; the newest is shown.
class Bar {
 public:
  virtual ~Bar() = default;
  virtual void draw() = 0;  ///< with the lock held, as wipe()
  virtual void wipe() = 0;
};
void show(Bar& bar);
void hide(Bar& bar);
/// Held while a bar is drawn, so that no line gets in between.
std::unique_lock<std::recursive_mutex> lock();

/// Room for one line: takes the lock and the bar off the screen, and afterwards tells the listeners of
/// the line and draws the bar again.
class Line {
 public:
  Line(Stream stream, std::string_view text);
  ~Line();
  Line(const Line&) = delete;

 private:
  std::unique_lock<std::recursive_mutex> lock_;
  Stream stream_;
  std::string_view text_;
};

/// Called for each line without its end, never twice at once. What a listener itself prints or logs is
/// shown to no listener.
using Listener = std::function<void(Stream, std::string_view)>;
/// Ends with the last copy of what it returns; no call is running then.
std::shared_ptr<void> listen(Listener listener);

}  // namespace trainer::console
