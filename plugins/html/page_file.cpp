// SPDX-License-Identifier: Apache-2.0
#include "page_file.hpp"

#include <trainer/sdk/file.hpp>
#include <utility>

#include "child/threads.hpp"
#include "report/page.hpp"
#include "shared/system/files.hpp"
#include "shared/system/process.hpp"

namespace trainer::html {

std::filesystem::path PageFile::keep_aside() {
  wait();
  std::error_code error;
  const auto there = std::filesystem::symlink_status(path_, error);
  if (!std::filesystem::exists(there)) return {};
  if (!std::filesystem::is_regular_file(path_, error)) sdk::AppendFile::open(path_);  // refuses with a reason
  for (int number = 1;; ++number) {
    std::filesystem::path kept = path_;
    kept.replace_filename(path_.stem()) += sdk::path_of("-" + std::to_string(number)) += path_.extension();
    if (std::filesystem::exists(std::filesystem::symlink_status(kept, error))) continue;
    std::filesystem::rename(path_, kept, error);
    if (error) sdk::system_files::fail(path_, "could not be renamed to " + sdk::text_of(kept), error);
    return kept;
  }
}

void PageFile::write_behind(report::Run run, double renewed_every) {
  wait();
  rethrow();
  busy_ = true;
  try {
    thread_ = child::start_thread("that writes the page", [this, run = std::move(run), renewed_every] {
      plugins::block_signals_of_this_thread();
      try {
        plugins::replace_quickly(path_, report::page({&run}, renewed_every));
      } catch (...) {
        failure_ = std::current_exception();
      }
      busy_ = false;
    });
  } catch (...) {
    busy_ = false;
    throw;
  }
}

void PageFile::write(const report::Run& run) {
  wait();
  rethrow();
  sdk::replace_file(path_, report::page({&run}));
}

void PageFile::wait() {
  if (thread_.joinable()) thread_.join();
}

void PageFile::rethrow() {
  if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
}

}  // namespace trainer::html
