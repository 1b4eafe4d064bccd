// SPDX-License-Identifier: Apache-2.0
//
// A plugin's process as the trainer sees it: started, asked, looked after, ended.
#pragma once

#include <atomic>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "border/log_limit.hpp"
#include "child/connection.hpp"
#include "child/process.hpp"
#include "child/shared_memory.hpp"
#include "isolation/host_services.hpp"
#include "isolation/plugin_mail.hpp"
#include "isolation/ring.hpp"
#include "loading/availability.hpp"
#include "trainer/error.hpp"
#include "trainer/host_context.hpp"
#include "trainer/isolation.hpp"
#include "trainer/plugin_file.hpp"

namespace trainer::isolation {

/// How a process ended.
struct ProcessEnd {
  ErrorId id;
  std::string cause;  ///< "its process ended with signal 11"
};

/// One process with one plugin in it. The trainer's thread only. Whatever it does to itself is an Error here.
class PluginProcess {
 public:
  /// Starts it, and loads the plugin there: the bytes that are checked here. A usage Error when that cannot be.
  PluginProcess(const PluginFile& file, const Isolation& isolation, const HostContext& context);
  ~PluginProcess();  ///< ends it and what it started
  PluginProcess(const PluginProcess&) = delete;
  PluginProcess& operator=(const PluginProcess&) = delete;

  const PluginFile& file() const { return file_; }
  const Isolation& isolation() const { return isolation_; }
  RunsOn runs_on() const { return runs_on_; }
  Availability available(const json::object& config, std::string_view config_place);

  /// Asks, and gives what is answered; meanwhile it serves what the plugin asks for. `where` starts the sentence of the
  /// Error for a plugin that does not answer: "plugin csv (/p/csv.so) could not be created". What belongs to its start
  /// has least_start_seconds at least.
  std::string ask(What what, std::string_view question, double seconds, const std::string& where);
  /// Gives what `read` makes of it.
  template <typename Read>
  auto ask(What what, std::string_view question, double seconds, const std::string& where, Read read) {
    const std::string answer = ask(what, question, seconds, where);
    try {
      Reader in(answer, most_values);
      return read(in);
    } catch (const BadBytes& e) {
      answered_with(e.what(), where);
    }
  }
  /// Puts an event into the queue, for one that is not waited for; false when that is full.
  bool push(std::string_view event) {
    if (!ring_.push(event)) return false;
    place_.store(ring_.written(), std::memory_order_relaxed);
    return true;
  }
  /// The same, once there is room. Error as ask().
  void wait_and_push(std::string_view event, const std::string& where);
  bool fits(std::string_view event) const { return event.size() <= ring_.longest(); }
  void show_line(std::uint32_t stream, std::string_view text) const noexcept;  ///< any thread

  bool gone() const { return ended_.load(std::memory_order_relaxed) || connection_->gone(); }
  /// The Error of a process that has gone, whose cause is the first that was seen: that it was ended is no news.
  Error lost(const std::string& where);
  const std::optional<ProcessEnd>& told_end() const { return told_end_; }  ///< of which an Error was made
  /// What it was doing last: an event, plus 1, and its step.
  const RingHead& doing() const { return ring_.head(); }
  PluginMail& mail() { return mail_; }
  /// Ends it, after what it has to do at its end; how that went wrong, or nothing.
  std::string close();
  void end();  ///< at once

 private:
  std::string plugin_that(const char* failed) const;
  void require_same_build();
  void load();
  void leave();
  void serve(std::string_view request, bool within_event);
  [[noreturn]] void answered_with(const std::string& what, const std::string& where);
  [[noreturn]] void was_silent(double seconds, bool starts, const std::string& where);
  Error end_for(ErrorId id, const std::string& cause, const std::string& where);
  void watch();
  void take_lines(std::string& text, bool rest);
  std::optional<std::string> ended();
  std::optional<std::string> wait_for_end();
  void tell_waiting(double seconds);

  PluginFile file_;
  const Isolation isolation_;
  const HostContext& context_;
  const std::string program_;  // the command that hosts the plugin
  HostServices services_{context_};
  RunsOn runs_on_ = RunsOn::all;
  std::unique_ptr<child::SharedMemory> memory_;
  RingWriter ring_;
  std::mutex process_mutex_;
  std::unique_ptr<child::Process> process_;
  std::unique_ptr<child::Connection> connection_;
  std::string message_;
  std::uint64_t last_id_ = 0;
  std::atomic<std::uint64_t> place_{0};  // of the ring, for other threads
  double waited_ = 0;                    // for room in the ring
  bool told_ = false, closed_ = false;
  std::optional<ProcessEnd> told_end_;

  PluginMail mail_;
  std::atomic<bool> ended_{false}, stop_{false};
  LogLimit printed_limit_;
  std::thread watcher_;
};

/// The file as it is now, with the digests of what would be loaded.
PluginFile vetted(const PluginFile& file);

}  // namespace trainer::isolation
