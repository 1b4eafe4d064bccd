// SPDX-License-Identifier: Apache-2.0
#include "trainer/crash_report.hpp"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <string_view>

#include "state/moment.hpp"
#include "trainer/error_ids.hpp"
#include "trainer/event_names.hpp"
#include "trainer/files.hpp"
#include "trainer/json.hpp"
#include "trainer/log.hpp"

namespace trainer::crash_report {
namespace {

constexpr int exit_in_callback = 70;  // EX_SOFTWARE of sysexits.h

char file[4096];  // path of crash.json; empty: none
pthread_t trainer_thread;

// In a signal handler nothing may allocate, lock or format: text goes into this.
class Line {
 public:
  Line& text(std::string_view part) {
    for (std::size_t i = 0; i < part.size() && size_ < sizeof bytes_; ++i) bytes_[size_++] = part[i];
    return *this;
  }
  Line& number(std::int64_t value) {
    char digits[24];
    std::size_t at = sizeof digits;
    std::uint64_t rest = value < 0 ? 0 - static_cast<std::uint64_t>(value) : static_cast<std::uint64_t>(value);
    do digits[--at] = static_cast<char>('0' + rest % 10);
    while ((rest /= 10) > 0);
    if (value < 0) digits[--at] = '-';
    return text({digits + at, sizeof digits - at});
  }
  void write(int descriptor) const {
    for (std::size_t done = 0; done < size_;) {
      const ssize_t n = ::write(descriptor, bytes_ + done, size_ - done);
      if (n <= 0) return;
      done += static_cast<std::size_t>(n);
    }
  }

 private:
  char bytes_[1024];
  std::size_t size_ = 0;
};

void report(const char* callback, std::string_view how, int number, ErrorId id) {
  const std::string_view event = event_name(moment.event.load(std::memory_order_relaxed));
  const std::int64_t step = moment.step.load(std::memory_order_relaxed);
  Line line;
  line.text("\nerror: callback ").text(callback).text(" ended the process in ").text(event).text(" at step ");
  line.number(step).text(" (").text(how).text(" ").number(number).text("); ");
  line.text("--without ").text(callback).text(" leaves it out [").text(id.text).text("]\n").write(STDERR_FILENO);
  if (!file[0]) return;
  const int out = ::open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (out < 0) return;
  Line record;
  record.text("{\"callback\": \"").text(callback).text("\", \"event\": \"").text(event).text("\", \"step\": ");
  record.number(step).text(", \"how\": \"").text(how).text(" ").number(number).text("\"}\n").write(out);
  ::close(out);
}

extern "C" void handle_crash(int signal) {
  const char* callback = moment.callback.load(std::memory_order_relaxed);
  // What another thread does has nothing to do with the callback that happens to run.
  if (callback && ::pthread_equal(::pthread_self(), trainer_thread))
    report(callback, "signal", signal, error_id::callback_crashed);
  // The handler is gone (SA_RESETHAND): this one, or the fault that comes again, has its default effect.
  ::raise(signal);
}

extern "C" void handle_exit() {
  const char* callback = moment.callback.load(std::memory_order_relaxed);
  if (!callback || !::pthread_equal(::pthread_self(), trainer_thread)) return;
  report(callback, "it called exit(), status", exit_in_callback, error_id::callback_exited);
  ::_exit(exit_in_callback);
}

}  // namespace

void install() {
  trainer_thread = ::pthread_self();
  alignas(16) static char stack[64 * 1024];  // a plugin may have used up the other one
  stack_t given{};
  given.ss_sp = stack, given.ss_size = sizeof stack;
  ::sigaltstack(&given, nullptr);
  for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) {
    struct sigaction action {};
    action.sa_handler = handle_crash;
    action.sa_flags = SA_ONSTACK | SA_RESETHAND;
    ::sigaction(signal, &action, nullptr);
  }
  static const int registered = std::atexit(handle_exit);
  (void)registered;
}

void set_directory(const std::filesystem::path& output_dir) {
  std::error_code error;
  const auto path = std::filesystem::absolute(output_dir / "crash.json", error).string();
  if (!error && path.size() < sizeof file) std::memcpy(file, path.c_str(), path.size() + 1);
}

std::string take(const std::filesystem::path& output_dir) try {
  const auto path = output_dir / "crash.json";
  if (!std::filesystem::exists(path)) return {};
  const json::value parsed = json::parse(read_file(path), path.string());
  const auto& crash = parsed.as_object();
  const auto text = [&](const char* key) { return std::string(crash.at(key).as_string()); };
  std::string sentence = "the run before ended in the callback " + text("callback") + ", in " + text("event") +
                         " at step " + std::to_string(crash.at("step").to_number<std::int64_t>()) + " (" + text("how") +
                         "); --without " + text("callback") + " leaves it out";
  std::filesystem::remove(path);
  return sentence;
} catch (const std::exception& e) {
  return "the run before crashed, and its report could not be read: " + std::string(e.what());
}

}  // namespace trainer::crash_report
