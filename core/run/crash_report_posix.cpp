// SPDX-License-Identifier: Apache-2.0
#include "trainer/crash_report.hpp"

#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "border/plugin_call.hpp"
#include "border/watchdog.hpp"
#include "run/moments_file.hpp"
#include "state/moment.hpp"
#include "trainer/error.hpp"
#include "trainer/files.hpp"
#include "trainer/json.hpp"
#include "trainer/log.hpp"

namespace trainer::crash_report {
namespace {

constexpr int exit_in_callback = 70;  // EX_SOFTWARE of sysexits.h

char file[4096];    // path of crash.json; empty: none
pid_t process = 0;  // that install() was called in; what is forked off may end as it likes

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
  // Of a name, what can neither end a JSON string nor move the cursor.
  Line& plain(std::string_view part) {
    for (const char& c : part) {
      const bool bad = static_cast<unsigned char>(c) < 0x20 || c == 0x7f || c == '"' || c == '\\';
      text(bad ? "?" : std::string_view(&c, 1));
    }
    return *this;
  }
  std::string_view view() const { return {bytes_, size_}; }
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

// The moment of a call that is under way on this thread. What another thread does has nothing to do with the
// callback that happens to be asked.
const Moment* call_under_way() {
  const Moment* now = moment_or_null();
  return process == ::getpid() && now && now->callback != 0 ? now : nullptr;
}

void report(std::string_view callback, std::string_view call, std::int64_t step, std::string_view how, ErrorId id) {
  Line line;
  line.text("\nerror: callback ").plain(callback).text(" ended the process in ").text(call);
  if (step >= 0) line.text(" at step ").number(step);
  line.text(" (").text(how).text("); --without ").plain(callback).text(" leaves it out [").text(id.text).text("]\n");
  line.write(STDERR_FILENO);
  moments_file::remove();
  if (!file[0]) return;
  const int out = ::open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (out < 0) return;
  Line record;
  record.text("{\"callback\": \"").plain(callback).text("\", \"event\": \"").text(call).text("\", \"step\": ");
  record.number(step).text(", \"how\": \"").text(how).text("\"}\n").write(out);
  ::close(out);
}

void report(const Moment& now, std::string_view how, ErrorId id) {
  report(moments.name_of(now.callback), name_of_call(now.call), now.step, how, id);
}

extern "C" void handle_crash(int signal, siginfo_t* info, void*) {
  if (signal == SIGBUS && moments_file::mend(info->si_addr)) return;
  if (const Moment* now = call_under_way()) {
    Line how;
    how.text("signal ").number(signal);
    report(*now, how.view(), error_id::callback_crashed);
  }
  // This one, or the fault that comes again, has its default effect.
  ::signal(signal, SIG_DFL);
  ::raise(signal);
}

extern "C" void handle_exit() {
  if (process == 0) return;
  if (const Moment* now = moment_or_null(); !now || now->call != static_cast<std::uint32_t>(Call::end))
    seen_exit("exit()");
  if (process == ::getpid()) moments_file::remove();
}

// What a process was doing that could not say it.
void keep(const moments_file::LastCall& last) try {
  const json::object crash{{"callback", last.callback},
                           {"event", last.call},
                           {"step", last.step},
                           {"how", "it ended without a word, as by _exit(), exec or SIGKILL"}};
  replace_file(file, json::dump(crash) + "\n");
} catch (const std::exception& e) {
  log::debug(std::string("what ended the run before is not kept: ") + e.what());
}

}  // namespace

void install() {
  process = ::getpid();
  alignas(16) static char stack[64 * 1024];  // a plugin may have used up the other one
  stack_t given{};
  given.ss_sp = stack, given.ss_size = sizeof stack;
  ::sigaltstack(&given, nullptr);
  // The last three are timers that nothing but code of this process can have set.
  for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGSYS, SIGTRAP, SIGALRM, SIGVTALRM, SIGPROF}) {
    struct sigaction action {};
    action.sa_sigaction = handle_crash;
    action.sa_flags = SA_ONSTACK | SA_SIGINFO;
    ::sigaction(signal, &action, nullptr);
  }
  static const int registered = std::atexit(handle_exit) + std::at_quick_exit(handle_exit);
  (void)registered;
}

void end_process(int status) {
  std::fflush(stdout);
  process = 0;  // for what stands in for _exit()
  ::_exit(status);
}

void seen_exit(std::string_view function) {
  const Moment* now = call_under_way();
  if (!now) return;
  Line how;
  how.text("it called ").text(function).text(", status ").number(exit_in_callback);
  report(*now, how.view(), error_id::callback_exited);
  end_process(exit_in_callback);
}

void expect_end() try {
  const std::string plugins = plugins_made();
  if (plugins.empty()) return;
  static const auto* watchdog = new Watchdog;
  static const auto* end = new AskedFor(plugins, Call::end);
  (void)watchdog, (void)end;
} catch (const std::exception& e) {
  log::debug(std::string("nobody watches the end: ") + e.what());
}

void seen_foreign_exit(std::string_view function, int status, const void* caller) {
  // OpenMP's runtime ends the process where it can make no thread, whoever computes; its own line names no remedy.
  Dl_info info{};
  if (status != 0 && ::dladdr(caller, &info) != 0 && info.dli_fname && std::strstr(info.dli_fname, "libgomp")) {
    Line line;
    line.text("\nerror: a thread that computes could not be started; give the process more memory or threads, or set ");
    line.text("OMP_NUM_THREADS to fewer [").text(error_id::memory_exhausted.text).text("]\n").write(STDERR_FILENO);
    return;
  }
  seen_exit(function);
  const std::string plugins = plugins_made();
  if (process != ::getpid() || plugins.empty()) return;
  Line how;
  const int ends_with = status == 0 ? exit_in_callback : status;
  how.text("something called ").text(function).text(", status ").number(ends_with);
  report(plugins, "no call, perhaps on a thread of its own,", -1, how.view(), error_id::callback_exited);
  end_process(ends_with);
}

void set_directory(const std::filesystem::path& output_dir) {
  std::error_code error;
  const auto path = std::filesystem::absolute(output_dir / "crash.json", error).string();
  if (error || path.size() >= sizeof file) return;
  std::memcpy(file, path.c_str(), path.size() + 1);
  if (process != ::getpid()) return;
  if (const auto last = moments_file::keep_in(output_dir)) keep(*last);
}

std::string take(const std::filesystem::path& output_dir) try {
  const auto path = output_dir / "crash.json";
  if (!std::filesystem::exists(path)) return {};
  const json::value parsed = json::parse(read_file(path), path.string());
  const auto& crash = parsed.as_object();
  const auto text = [&](const char* key) { return std::string(crash.at(key).as_string()); };
  const auto step = crash.at("step").to_number<std::int64_t>();
  std::string sentence = "the run before ended in the callback " + text("callback") + ", in " + text("event") +
                         (step < 0 ? "" : " at step " + std::to_string(step)) + " (" + text("how") + "); --without " +
                         text("callback") + " leaves it out";
  std::filesystem::remove(path);
  return on_one_line(sentence);
} catch (const std::exception& e) {
  return on_one_line("the run before crashed, and its report could not be read: " + std::string(e.what()));
}

}  // namespace trainer::crash_report
