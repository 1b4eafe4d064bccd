// SPDX-License-Identifier: Apache-2.0
//
// Makes a run's directory and files, and samples its machine.
#include "run.hpp"

#include <trainer/sdk/path.hpp>

#include "child/threads.hpp"
#include "earlier_run.hpp"
#include "gpu_stats.hpp"
#include "shared/system/clock.hpp"
#include "shared/system/files.hpp"
#include "shared/system/random_id.hpp"
#include "system_stats.hpp"

namespace trainer::wandb {
namespace {

std::filesystem::path new_directory(const Settings& settings, std::int64_t start) {
  const std::filesystem::path directory = std::filesystem::absolute(settings.directory).lexically_normal();
  return plugins::make_timed_directory(start, [&](std::int64_t time) {
    return directory / sdk::path_of("offline-run-" + plugins::time_name(time) + "-" + settings.id);
  });
}

}  // namespace

Run::Run(Settings settings) : settings_(std::move(settings)), start_(plugins::nanoseconds_now()) {
  bool resumed = false;
  if (settings_.id.empty()) {
    settings_.id = plugins::random_id(8);
  } else if (const auto last = last_step(settings_.directory, settings_.id)) {
    if (settings_.must_be_new)
      throw std::invalid_argument("resume is \"never\" but " + sdk::text_of(settings_.directory) + " has a run \"" +
                                  settings_.id + "\"; choose another WANDB_RUN_ID or unset WANDB_RESUME");
    resumed = settings_.resume;
    if (resumed) starting_step_ = *last + 1;
  }
  directory_ = new_directory(settings_, start_);
  for (const char* part : {"files", "logs"}) sdk::make_directory(directory_ / part);
  if (settings_.console) output_ = sdk::AppendFile::open(directory_ / "files" / "output.log");
  file_.emplace(directory_ / sdk::path_of("run-" + settings_.id + ".wandb"));
  file_->run(settings_, start_, starting_step_, resumed);
  file_->environment(start_);
  plugins::replace_link(settings_.directory / "latest-run", directory_.filename());
}

Run::~Run() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

double Run::seconds() const { return static_cast<double>(plugins::nanoseconds_now() - start_) / 1e9; }

void Run::start_stats() {
  if (settings_.stats) thread_ = child::start_thread("that measures the machine", [this] { stats_thread(); });
}

void Run::console(bool is_stdout, std::string_view line) noexcept {
  if (!settings_.console || console_broken_) return;
  try {
    line_.assign(line);
    line_ += '\n';
    file_->output(is_stdout, plugins::nanoseconds_now(), line_);
    output_.append(line_);
  } catch (...) {
    console_broken_ = true;  // the next log reports a full disk
  }
}

void Run::flush() {
  file_->flush();
  if (output_.is_open()) output_.flush();
}

void Run::finish(int exit_code) {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
  file_->exit(exit_code, static_cast<std::int64_t>(seconds()));
  file_->close();
  output_.close();
}

// What is thrown ends the rows of the system, by start_thread(); the trainer's own writes report what is wrong with the
// disk.
void Run::stats_thread() {
  SystemSampler sampler;
  const std::unique_ptr<GpuSampler> gpus = GpuSampler::open();
  Items row;
  std::unique_lock lock(mutex_);
  while (!stop_) {
    lock.unlock();
    row.clear();
    std::vector<std::pair<std::string, double>> found = sampler.sample();
    if (gpus) gpus->sample(found);
    for (const auto& [name, value] : found) row.add_stat(name, value);
    file_->stats(plugins::nanoseconds_now(), row);
    lock.lock();
    wake_.wait_for(lock, settings_.stats_interval, [this] { return stop_; });
  }
}

}  // namespace trainer::wandb
