// SPDX-License-Identifier: Apache-2.0
//
// Writes the records of a run, numbered as SwanLab numbers them.
#include "run.hpp"

#include <trainer/sdk/path.hpp>

#include "config_file.hpp"
#include "shared/system/clock.hpp"
#include "shared/system/files.hpp"
#include "shared/system/random_id.hpp"

namespace trainer::swanlab {
namespace {

using plugins::nanoseconds_now;
using plugins::protobuf::Message;

constexpr std::string_view file_header{":SWL\xd6\xe1\x02", 7};  // magic, and version 2

// swanlab.record.v1.Record, and the numbers that records of one kind have.
constexpr unsigned record_num = 1, record_timestamp = 2, record_start = 10, record_finish = 11, record_column = 12,
                   record_scalar = 13, record_log = 16, record_save = 20;
constexpr std::int64_t number_start = -1, number_finish = -2, number_config = -3;
constexpr std::int64_t scalar_type = 1, custom_class = 1, public_section = 3, save_config = 1;

std::string section(const std::string& key) {
  const std::size_t slash = key.find('/');
  return slash == std::string::npos ? "" : key.substr(0, slash);
}

std::filesystem::path new_directory(const Settings& settings) {
  const bool made = !std::filesystem::exists(settings.directory);
  sdk::make_directory(settings.directory);
  if (made) sdk::replace_file(settings.directory / ".gitignore", "*");
  const std::filesystem::path directory = std::filesystem::absolute(settings.directory).lexically_normal();
  return plugins::make_timed_directory(nanoseconds_now(), [&](std::int64_t time) {
    return directory / sdk::path_of("run-" + plugins::time_name(time) + "-" + settings.id);
  });
}

}  // namespace

Run::Run(Settings settings) : settings_(std::move(settings)) {
  if (settings_.id.empty()) settings_.id = plugins::random_id(8);
  if (settings_.name.empty()) settings_.name = "run-" + settings_.id;
  directory_ = new_directory(settings_);
  sdk::make_directory(directory_ / "files");
  file_.emplace(directory_ / sdk::path_of("run-" + settings_.id + ".swanlab"), file_header);
  append(number_start, [&](Message& record) {
    record.message(record_start, [&](Message& start) {
      const Settings& s = settings_;
      start.text(1, s.project).text(2, s.workspace).flag(3, s.is_public).text(4, s.name);
      start.text(5, s.description);
      for (const std::string& tag : s.tags) start.text(6, tag, true);
      start.text(7, s.group).text(8, s.job_type).text(9, s.color).text(10, s.id);
      start.integer(11, static_cast<std::int64_t>(s.resume)).timestamp(12, nanoseconds_now());
    });
  });
}

void Run::config(const plugins::JsonTree& config) {
  const std::filesystem::path path = directory_ / "files" / "config.yaml";
  sdk::replace_file(path, config_yaml(config));
  append(number_config, [&](Message& record) {
    record.message(record_save,
                   [&](Message& save) { save.text(1, "config").text(2, sdk::text_of(path)).integer(5, save_config); });
  });
}

void Run::scalar(const std::string& key, std::int64_t step, std::int64_t time, double value) {
  const auto [steps, is_new] = steps_.try_emplace(key);
  if (!steps->second.insert(step).second) return;
  const std::lock_guard lock(mutex_);
  if (is_new)
    append(++number_, [&](Message& record) {
      record.message(record_column, [&](Message& column) {
        column.integer(1, custom_class).integer(2, scalar_type).text(3, key);
        column.text(5, section(key)).integer(6, public_section);
      });
    });
  append(++number_, [&](Message& record) {
    record.message(record_scalar, [&](Message& scalar) {
      scalar.text(1, key).integer(2, step).integer(3, scalar_type).timestamp(4, time);
      scalar.message(5, [&](Message& v) { v.number(1, value); });
    });
  });
}

void Run::console(std::string_view line) noexcept {
  if (!settings_.console || console_broken_) return;
  try {
    const std::lock_guard lock(mutex_);
    append(++number_, [&](Message& record) {
      record.message(record_log, [&](Message& log) {
        // Their levels are "info" and "error"; lines of the log on stderr are mostly no errors.
        log.text(1, line).timestamp(3, nanoseconds_now()).integer(4, ++lines_);
      });
    });
  } catch (...) {
    console_broken_ = true;  // the next log reports a full disk
  }
}

void Run::finish(const std::string& crash) {
  const std::lock_guard lock(mutex_);
  append(number_finish, [&](Message& record) {
    record.message(record_finish, [&](Message& finish) {
      finish.integer(1, crash.empty() ? 1 : 2).text(2, crash);
      finish.timestamp(3, nanoseconds_now());
    });
  });
  file_->close();
}

void Run::flush() {
  const std::lock_guard lock(mutex_);
  file_->flush();
}

/// The caller holds the lock, or is alone.
template <typename Fill>
void Run::append(std::int64_t number, Fill&& fill) {
  record_.clear();
  Message message(record_);
  message.integer(record_num, number).timestamp(record_timestamp, nanoseconds_now());
  fill(message);
  file_->append(record_);
}

}  // namespace trainer::swanlab
