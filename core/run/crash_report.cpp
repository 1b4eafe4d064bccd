// SPDX-License-Identifier: Apache-2.0
#include "trainer/crash_report.hpp"

#include <string>

#include "base/process.hpp"
#include "border/plugin_call.hpp"
#include "border/watchdog.hpp"
#include "run/crash_writing.hpp"
#include "run/moments_file.hpp"
#include "trainer/error.hpp"
#include "trainer/files.hpp"
#include "trainer/json.hpp"
#include "trainer/log.hpp"

namespace trainer::crash_report {
namespace {

std::int64_t process = 0;  // that begin_reports() was called in

// What a process was doing that could not say it.
void keep(const std::filesystem::path& file, const moments_file::LastCall& last) try {
  const json::object crash{{"callback", last.callback},
                           {"event", last.call},
                           {"step", last.step},
                           {"how", "it ended without a word, as by _exit(), exec or SIGKILL"}};
  replace_file(file, json::dump(crash) + "\n");
} catch (const std::exception& e) {
  log::debug(std::string("what ended the previous run could not be kept: ") + e.what());
}

}  // namespace

Line& Line::text(std::string_view part) {
  for (std::size_t i = 0; i < part.size() && size_ < sizeof bytes_; ++i) bytes_[size_++] = part[i];
  return *this;
}

Line& Line::number(std::int64_t value) {
  char digits[24];
  std::size_t at = sizeof digits;
  std::uint64_t rest = value < 0 ? 0 - static_cast<std::uint64_t>(value) : static_cast<std::uint64_t>(value);
  do digits[--at] = static_cast<char>('0' + rest % 10);
  while ((rest /= 10) > 0);
  if (value < 0) digits[--at] = '-';
  return text({digits + at, sizeof digits - at});
}

Line& Line::hexadecimal(std::uint32_t value) {
  text("0x");
  for (int shift = 28; shift >= 0; shift -= 4) text({&"0123456789ABCDEF"[value >> shift & 15], 1});
  return *this;
}

Line& Line::plain(std::string_view part) {
  for (const char& c : part) {
    const bool bad = static_cast<unsigned char>(c) < 0x20 || c == 0x7f || c == '"' || c == '\\';
    text(bad ? "?" : std::string_view(&c, 1));
  }
  return *this;
}

void begin_reports() { process = process_id(); }
void end_reports() { process = 0; }
bool reports_are_ours() { return process != 0 && process == process_id(); }

const Moment* call_under_way() {
  const Moment* now = moment_or_null();
  return reports_are_ours() && now && moments.can_end_process(now->callback) ? now : nullptr;
}

void report(std::string_view callback, std::string_view call, std::int64_t step, std::string_view how, ErrorId id) {
  Line line;
  line.text("\nerror: callback ").plain(callback).text(" ended the process in ").text(call);
  if (step >= 0) line.text(" at step ").number(step);
  line.text(" (").text(how).text("); --isolate ").plain(callback).text(" gives it a process of its own, --without ");
  line.plain(callback).text(" leaves it out [").text(id.text).text("]\n");
  write_on_stderr(line.view());
  moments_file::remove();
  Line record;
  record.text("{\"callback\": \"").plain(callback).text("\", \"event\": \"").text(call).text("\", \"step\": ");
  write_record_file(record.number(step).text(", \"how\": \"").text(how).text("\"}\n").view());
}

void report(const Moment& now, std::string_view how, ErrorId id) {
  report(moments.name_of(now.callback), name_of_call(now.call), now.step, how, id);
}

void handle_end() {
  if (process == 0) return;
  if (const Moment* now = moment_or_null(); !now || now->call != static_cast<std::uint32_t>(Call::end))
    seen_exit("exit()");
  if (reports_are_ours()) moments_file::remove();
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
  // For good; volatile, or nothing would point at them, and they would be leaks.
  static const Watchdog* volatile watchdog = new Watchdog;
  static const AskedFor* volatile end = new AskedFor(plugins, Call::end);
  (void)watchdog, (void)end;
} catch (const std::exception& e) {
  log::debug(std::string("the end of the process is not watched: ") + e.what());
}

void set_directory(const std::filesystem::path& output_dir) {
  std::error_code error;
  const auto path = std::filesystem::absolute(output_dir / "crash.json", error);
  if (error || !keep_record_path(path) || !reports_are_ours()) return;
  if (const auto last = moments_file::keep_in(output_dir)) keep(path, *last);
}

std::string take(const std::filesystem::path& output_dir) try {
  const auto path = output_dir / "crash.json";
  if (!std::filesystem::exists(path)) return {};
  const json::value parsed = json::parse(read_file(path), path.string());
  const auto& crash = parsed.as_object();
  const auto text = [&](const char* key) { return std::string(crash.at(key).as_string()); };
  const auto step = crash.at("step").to_number<std::int64_t>();
  std::string sentence = "the previous run ended in the callback " + text("callback") + ", in " + text("event") +
                         (step < 0 ? "" : " at step " + std::to_string(step)) + " (" + text("how") + "); --isolate " +
                         text("callback") + " gives it a process of its own, --without " + text("callback") +
                         " leaves it out";
  std::filesystem::remove(path);
  return on_one_line(sentence);
} catch (const std::exception& e) {
  return on_one_line("the previous run crashed, and its report could not be read: " + std::string(e.what()));
}

}  // namespace trainer::crash_report
