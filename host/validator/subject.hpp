// SPDX-License-Identifier: Apache-2.0
//
// The plugin under test, and an instance of it whose every answer is checked.
#pragma once

#include <trainer/plugin.h>

#include <chrono>
#include <memory>
#include <optional>
#include <random>
#include <trainer/sdk/testing/fake_services.hpp>

#include "trainer/plugin_registry.hpp"
#include "trainer/training_arguments.hpp"
#include "validator/ends.hpp"
#include "validator/guarded_memory.hpp"
#include "validator/validator.hpp"

namespace trainer::validator {

using sdk::testing::Cell;
using sdk::testing::FakeHost;
using sdk::testing::FakeMap;
using sdk::testing::Row;

using Random = std::mt19937_64;

inline constexpr const char* output_dir = "output";  ///< of the runs, in the worker's directory; it exists

/// How the structs of an event lie in memory.
enum class Placement {
  plain,    ///< overwritten when the slot has returned
  guarded,  ///< an unreadable page follows each; all unreadable when the slot has returned
  smaller,  ///< guarded, and of a host of the first minor, which offers nothing that came later
  larger,   ///< of a host that is newer: a tail of garbage, and a struct_size that has it
};

class Subject {
 public:
  Subject(const Options& options, double seconds);

  const PluginFile& file() const { return file_; }
  const Options& options() const { return options_; }
  const trainer_plugin& plugin();                                  ///< loads it; a Failure when that fails
  json::object config(const json::object& given);                  ///< resolved; a usage Error as the host's
  const json::object& default_config();                            ///< the options' and guesses for the rest
  void prepare(FakeHost& host, const json::object& config) const;  ///< arguments, config, tensors
  bool time_left() const;  ///< for repetitions: an eighth of the test's limit is not yet used

  /// Some text that the report shows when the test passes.
  std::string detail;

  /// Which process of a run the next instances are in.
  trainer_process process{sizeof(trainer_process), 0, 0, 1, 0, 1, 0, 0};

  // What instances were answered.
  std::uint64_t accepted = 0, refused = 0;
  std::string refusal;  ///< the first
  /// A Skip when events were refused and none accepted: nothing was tested then.
  void require_accepted() const;

 private:
  const Options& options_;
  PluginFile file_;
  double limit_s_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::optional<trainer_plugin> plugin_;
  json::object default_config_;
};

/// Of a run that evaluates, saves and keeps the best; trackers find it complete.
TrainingArguments run_arguments();

std::vector<Cost> measure(Subject& subject);  ///< see bench()

class Instance {
 public:
  /// Refused with the plugin's sentence; Failure when its answer breaks the contract.
  explicit Instance(Subject& subject, Placement placement = Placement::plain)
      : Instance(subject, subject.default_config(), placement) {}
  Instance(Subject& subject, const json::object& config, Placement placement = Placement::plain);
  ~Instance();
  Instance(const Instance&) = delete;
  Instance& operator=(const Instance&) = delete;

  void destroy();

  /// Calls the slot, when there is one, and checks what it answers and leaves behind.
  void fire(std::uint32_t kind, Row values = {});
  bool subscribed(std::uint32_t kind) const { return slots_[kind] != nullptr; }

  trainer_callback* table() { return callback_; }
  FakeHost host;

  template <typename Extension>
  const Extension* extension(const char* id) {
    return callback_->get_extension ? static_cast<const Extension*>(callback_->get_extension(callback_, id)) : nullptr;
  }

  /// Throws as fire() does for a status that a function other than a slot gave.
  void check_status(std::int32_t status, const std::string& what);

 private:
  std::int32_t call(std::uint32_t kind, trainer_map* values);

  Subject& subject_;
  Placement placement_;
  std::vector<char> larger_host_;
  GuardedMemory host_memory_;
  trainer_callback* callback_ = nullptr;
  trainer_slot slots_[TRAINER_EVENT_COUNT]{};
  GuardedMemory memory_;
};

}  // namespace trainer::validator
