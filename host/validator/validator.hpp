// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "trainer/json.hpp"

/// Whether a plugin keeps the contract of plugin_api, found out by playing host to it. Each test
/// runs in a process of its own, with a scratch directory as its home and its working directory.
namespace trainer::validator {

enum class Outcome {
  passed,
  failed,
  skipped,  ///< does not apply to this plugin, or it refuses to work here; the reason says which
};

struct Test {
  std::string_view id;  ///< stable: reports and --only name it
  std::string_view description;
  int limit_s;  ///< then the process is killed
};

struct Result {
  std::string id;
  Outcome outcome = Outcome::failed;
  std::string reason;   ///< what was found, or what was done
  std::string printed;  ///< the end of what the process wrote; empty when it passed
  double seconds = 0;
};

struct Options {
  std::filesystem::path file;
  std::vector<std::string> only;  ///< ids; empty: all
  std::uint64_t seed = 1;         ///< of random orders and values
  json::object config;            ///< what the note's schema demands and nobody can guess
  double limit_factor = 1;        ///< for slow machines
  bool isolated = false;          ///< each instance in a process of its own, as a run can have it
};

const std::vector<Test>& tests();

/// Runs the tests in order; `program` is the command line that starts a worker for one test, without
/// what this adds: `--worker ID --seed N --config JSON FILE`. `done` is told of each result.
std::vector<Result> validate(const Options& options, const std::vector<std::string>& program,
                             const std::function<void(const Result&)>& done);

/// The worker's side: runs one test in this process and writes its one record to descriptor 3.
int run_worker(const std::string& id, const Options& options);

/// Nanoseconds that one call takes, event by event and for a log of ten values.
struct Cost {
  std::string what;
  double nanoseconds;  ///< of the median call
  std::uint64_t calls;
};
std::vector<Cost> bench(const Options& options, const std::vector<std::string>& program);

}  // namespace trainer::validator
