// SPDX-License-Identifier: Apache-2.0
//
// One instance of a plugin in a FakeHost; fake_host.hpp has an example.
#pragma once

#include <trainer/ext/checkpoint.h>
#include <trainer/ext/console.h>
#include <trainer/ext/outcome.h>
#include <trainer/ext/ranks.h>
#include <trainer/ext/results.h>
#include <trainer/ext/state.h>
#include <trainer/ext/tracker.h>

#include <trainer/sdk/events.hpp>
#include <trainer/sdk/testing/fake_services.hpp>
#include <trainer/sdk/testing/load_plugin.hpp>

namespace trainer::sdk::testing {

class FakePlugin {
 public:
  /// Of a table that the test itself holds, plugin_table<Hello>(). Throws std::runtime_error with the plugin's sentence
  /// when it refuses to be made.
  FakePlugin(FakeHost& host, const trainer_plugin& plugin) : host_(host), plugin_(plugin) {
    if (plugin_.create(host.table(), &callback_) != TRAINER_OK) throw std::runtime_error(host.error);
  }
  FakePlugin(FakeHost& host, const std::string& file) : FakePlugin(host, load_plugin(file)) {}
  FakePlugin(FakeHost& host, const std::string& id, const std::string& directory)
      : FakePlugin(host, directory + "/" + id + plugin_suffix) {}
  FakePlugin(const FakePlugin&) = delete;
  FakePlugin& operator=(const FakePlugin&) = delete;
  ~FakePlugin() {
    if (callback_ != nullptr && callback_->destroy != nullptr) callback_->destroy(callback_);
  }

  trainer_callback* table() { return callback_; }

  /// The slot's status; TRAINER_OK when it is not subscribed. `values` are the logs or metrics; a
  /// Row that is not const has the plugin's changes afterwards.
  std::int32_t fire(std::uint32_t kind, const Row& values = {}) {
    Row copy = values;
    return fire(kind, copy);
  }
  std::int32_t fire(std::uint32_t kind, Row& values) {
    FakeMap map(values);
    return fire(kind, map);
  }
  std::int32_t fire(std::uint32_t kind, FakeMap& map) {
    const trainer_slot slot = kind < TRAINER_EVENT_COUNT ? callback_->*slots[kind] : nullptr;
    if (slot == nullptr) return TRAINER_OK;
    host_.error.clear();
    const bool has_values = kind == TRAINER_ON_LOG || kind == TRAINER_ON_EVALUATE || kind == TRAINER_ON_PREDICT;
    // Copies that are overwritten afterwards: what an event lends is gone when the slot returns.
    state_ = host_.state, control_ = host_.control;
    event_ = {sizeof event_,
              kind,
              &state_,
              &control_,
              has_values ? map.table() : nullptr,
              host_.has,
              0,
              host_.eval_dataloader_size,
              host_.train_dataloader_size};
    const std::int32_t status = slot(callback_, &event_);
    host_.control = control_;
    std::memset(&event_, 0xA5, sizeof event_);
    std::memset(&state_, 0xA5, sizeof state_);
    std::memset(&control_, 0xA5, sizeof control_);
    return status;
  }

  /// The instance's side of an extension, or null: extension<trainer_ext_state>(TRAINER_EXT_STATE).
  template <typename Extension>
  const Extension* extension(const char* id) {
    return callback_->get_extension == nullptr ? nullptr
                                               : static_cast<const Extension*>(callback_->get_extension(callback_, id));
  }

  bool stateful() { return extension<trainer_ext_state>(TRAINER_EXT_STATE) != nullptr; }
  std::int32_t save_state(Row& args, Row& attributes) {
    FakeMap a(args), b(attributes);
    return extension<trainer_ext_state>(TRAINER_EXT_STATE)->save(callback_, a.table(), b.table());
  }
  std::int32_t load_state(const Row& attributes) {
    FakeMap map(attributes);
    return extension<trainer_ext_state>(TRAINER_EXT_STATE)->load(callback_, map.table());
  }

  /// A line of the run, for a plugin that listens (ext/console.h); false when it does not.
  bool print(std::uint32_t stream, const std::string& text) {
    const auto* console = extension<trainer_ext_console>(TRAINER_EXT_CONSOLE);
    if (console == nullptr) return false;
    console->line(callback_, stream, text.data(), text.size());
    return true;
  }

  /// What it says of its results (ext/results.h), as the host asks: label, place and view of each. Throws
  /// std::runtime_error with its sentence.
  std::vector<Result> results() {
    const auto* offered = extension<trainer_ext_results>(TRAINER_EXT_RESULTS);
    std::vector<Result> all;
    while (offered != nullptr && all.size() < TRAINER_MOST_RESULTS) {
      trainer_result one{};
      one.struct_size = sizeof one;
      const std::int32_t status = offered->at(callback_, all.size(), &one);
      if (status == TRAINER_NOT_FOUND) break;
      if (status != TRAINER_OK) throw std::runtime_error(host_.error);
      all.push_back({std::string(view(one.label)), std::string(view(one.place)), std::string(view(one.view))});
    }
    return all;
  }

  /// Tells it how the training ended (ext/outcome.h); TRAINER_OK when it does not want to know. Step and epoch are
  /// those of the host's state, unless the test says others.
  std::int32_t end(trainer_outcome outcome) {
    const auto* offered = extension<trainer_ext_outcome>(TRAINER_EXT_OUTCOME);
    if (offered == nullptr) return TRAINER_OK;
    outcome.struct_size = sizeof outcome;
    if (outcome.global_step == 0) outcome.global_step = host_.state.global_step, outcome.epoch = host_.state.epoch;
    if (outcome.max_steps == 0) outcome.max_steps = host_.state.max_steps;
    host_.error.clear();
    return offered->ended(callback_, &outcome);
  }

  /// Its files in a checkpoint (ext/checkpoint.h), in a directory that is there; TRAINER_OK when it keeps none.
  /// @{
  std::int32_t save_files(const std::string& directory) {
    return files(&trainer_ext_checkpoint_files::save, directory);
  }
  std::int32_t load_files(const std::string& directory) {
    return files(&trainer_ext_checkpoint_files::load, directory);
  }
  /// @}

  /// TRAINER_RANKS_..., where it says that it runs (ext/ranks.h).
  std::uint32_t runs_on() {
    const auto* ranks = static_cast<const trainer_ext_ranks*>(
        plugin_.get_extension ? plugin_.get_extension(TRAINER_EXT_RANKS) : nullptr);
    return ranks == nullptr ? TRAINER_RANKS_ALL : ranks->where;
  }

  /// What a tracker says of its use here (ext/tracker.h); its reason is in host.error.
  std::int32_t available() {
    const auto* tracker = static_cast<const trainer_ext_tracker*>(
        plugin_.get_extension ? plugin_.get_extension(TRAINER_EXT_TRACKER) : nullptr);
    return tracker == nullptr ? TRAINER_OK : tracker->available(host_.table());
  }

 private:
  template <typename Function>
  std::int32_t files(Function function, const std::string& directory) {
    const auto* offered = extension<trainer_ext_checkpoint_files>(TRAINER_EXT_CHECKPOINT);
    host_.error.clear();
    return offered == nullptr ? TRAINER_OK : (offered->*function)(callback_, directory.data(), directory.size());
  }

  FakeHost& host_;
  const trainer_plugin& plugin_;
  trainer_callback* callback_ = nullptr;
  trainer_event event_{};
  trainer_state state_{};
  trainer_control control_{};
};

}  // namespace trainer::sdk::testing
