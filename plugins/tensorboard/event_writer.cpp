// SPDX-License-Identifier: Apache-2.0
//
// Finds a name that sorts after those of the directory, and writes.
#include "event_writer.hpp"

#include <atomic>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <trainer/sdk/path.hpp>

#include "shared/system/clock.hpp"
#include "shared/system/environment.hpp"
#include "shared/system/process.hpp"

namespace trainer::tensorboard {
namespace {

constexpr const char* file_prefix = "events.out.tfevents.";

std::string last_event_file(const std::filesystem::path& directory) {
  std::string last;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    std::string name = sdk::text_of(entry.path().filename());
    if (name.find("tfevents") != std::string::npos && name > last) last = std::move(name);
  }
  return last;
}

std::string file_name(std::int64_t seconds, std::int64_t counter) {
  char number[32];
  std::snprintf(number, sizeof number, "%010" PRId64, seconds);
  return file_prefix + std::string(number) + "." + plugins::host_name() + "." + std::to_string(plugins::process_id()) +
         "." + std::to_string(counter);
}

/// A name that no other writer has, in this process or another.
sdk::AppendFile create_file(const std::filesystem::path& directory) {
  static std::atomic<std::int64_t> files{0};
  sdk::make_directory(directory);
  const std::string last = last_event_file(directory);
  auto seconds = static_cast<std::int64_t>(plugins::seconds_now());
  for (;;) {
    const std::int64_t counter = files++;
    std::string name = file_name(seconds, counter);
    if (name <= last && last.rfind(file_prefix, 0) == 0) {
      seconds = std::strtoll(last.c_str() + std::string_view(file_prefix).size(), nullptr, 10) + 1;
      name = file_name(seconds, counter);
    }
    try {
      return sdk::AppendFile::create(directory / sdk::path_of(name));
    } catch (const sdk::FileError& e) {
      // Containers share host names and process numbers: take the next counter.
      if (e.code() != EEXIST) throw;
    }
  }
}

}  // namespace

bool has_event_files(const std::filesystem::path& directory) { return !last_event_file(directory).empty(); }

EventWriter::EventWriter(const std::filesystem::path& directory) : file_(create_file(directory)) {
  events_.file_version(plugins::seconds_now(), "libtrainer.tensorboard");
  flush();
}

void EventWriter::flush() {
  try {
    file_.append(events_.records());
  } catch (...) {
    events_.clear();
    throw;
  }
  events_.clear();
}

}  // namespace trainer::tensorboard
