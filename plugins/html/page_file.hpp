// SPDX-License-Identifier: Apache-2.0
//
// The file of the page: written by a thread of its own while the run goes on.
#pragma once

#include <atomic>
#include <exception>
#include <filesystem>
#include <string>
#include <thread>

#include "report/run.hpp"

namespace trainer::html {

class PageFile {
 public:
  explicit PageFile(std::filesystem::path path) : path_(std::move(path)) {}
  PageFile(const PageFile&) = delete;
  PageFile& operator=(const PageFile&) = delete;
  ~PageFile() { wait(); }

  const std::filesystem::path& path() const { return path_; }

  /// A file of an earlier run becomes report-1.html, or the first such name that is free, and is given; else an empty
  /// path. Throws sdk::FileError.
  std::filesystem::path keep_aside();

  /// Whether the last page is written, so that the next would not wait.
  bool is_idle() const { return !busy_; }
  /// Writes the page while the caller goes on. Throws what the page before failed with.
  void write_behind(report::Run run, double renewed_every);
  /// Writes the page and waits for it. Throws sdk::FileError.
  void write(const report::Run& run);

 private:
  void wait();
  void rethrow();

  std::filesystem::path path_;
  std::thread thread_;
  std::atomic<bool> busy_ = false;
  std::exception_ptr failure_;  // of the thread; read after it was joined
};

}  // namespace trainer::html
