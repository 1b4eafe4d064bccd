// SPDX-License-Identifier: Apache-2.0
//
// host.hpp - what a plugin may ask of the program that runs it.
#pragma once

#include <trainer/ext/checkpoint.h>
#include <trainer/ext/model.h>
#include <trainer/ext/process.h>
#include <trainer/ext/run.h>
#include <trainer/host.h>

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <trainer/sdk/mask.hpp>
#include <trainer/sdk/optimizer.hpp>
#include <trainer/sdk/tensors.hpp>
#include <trainer/sdk/value.hpp>

namespace trainer::sdk {

/// The host's services for one instance (host.h says what each does, and how long text stays
/// valid).
class Host {
 public:
  explicit Host(const trainer_host* host) : host_(host) {}

  /// Lines for the run's log. Passwords and queries of addresses are masked, as in what a plugin throws.
  void debug(std::string_view text) const { log(TRAINER_LOG_DEBUG, text); }
  void info(std::string_view text) const { log(TRAINER_LOG_INFO, text); }
  void warning(std::string_view text) const { log(TRAINER_LOG_WARNING, text); }
  void error(std::string_view text) const { log(TRAINER_LOG_ERROR, text); }
  void log(std::uint32_t level, std::string_view line) const {
    const std::string safe = masked(line);
    host_->log(host_, level, safe.data(), safe.size());
  }

  /// A key of this instance's configuration, or null when it has none of that name.
  Value config(std::string_view key) const {
    Value value;
    host_->config(host_, key.data(), key.size(), value.raw());
    return value;
  }
  std::string_view config_json() const { return text(host_->config_json); }

  /// A training argument by transformers' name; throws for a name that does not exist.
  Value argument(std::string_view name) const {
    Value value;
    if (host_->argument(host_, name.data(), name.size(), value.raw()) != TRAINER_OK)
      throw std::invalid_argument("there is no training argument \"" + std::string(name) + "\"");
    return value;
  }
  std::string_view arguments_json() const { return text(host_->arguments_json); }
  std::string_view model_config_json() const { return text(host_->model_config_json); }

  /// The state as trainer_state.json has it, where an int is no float; empty when the host is older than 1.1.
  /// Only during an event.
  std::string_view state_json() const {
    return TRAINER_OFFERS(host_, trainer_host, state_json) ? text(host_->state_json) : std::string_view();
  }

  std::uint64_t log_history_size() const { return host_->log_history_size(host_); }
  Map log_history_at(std::uint64_t index) const { return Map(host_->log_history_at(host_, index)); }

  /// The host's side of an extension, or null when this host does not offer it.
  template <typename Extension>
  const Extension* extension(const char* id) const {
    return static_cast<const Extension*>(host_->get_extension(host_, id));
  }

  /// Whether `trainer replay` plays a finished run (ext/run.h), so that nothing is being trained.
  bool is_replay() const {
    const auto* run = extension<trainer_ext_run>(TRAINER_EXT_RUN);
    return run != nullptr && run->kind(host_) == TRAINER_RUN_REPLAY;
  }

  /// Which process of the run this is (ext/process.h); one alone when the host does not say it.
  trainer_process process() const {
    trainer_process out{sizeof out, 0, 0, 1, 0, 1, 0, 0};
    const auto* offered = extension<trainer_ext_process>(TRAINER_EXT_PROCESS);
    if (offered != nullptr) offered->describe(host_, &out);
    return out;
  }

  /// The model's files (ext/model.h). False when there is no model here; throws the host's sentence.
  /// Only during an event.
  bool save_model(std::string_view directory) const {
    const auto* model = extension<trainer_ext_model>(TRAINER_EXT_MODEL);
    if (model == nullptr) return false;
    trainer_text error{};
    if (model->save(host_, directory.data(), directory.size(), &error) != TRAINER_OK)
      throw std::runtime_error(std::string(view(error)));
    return true;
  }

  /// The tensors of the model, of their gradients, and of the optimizer's state (sdk/tensors.hpp): none where there is
  /// no model. Only during an event.
  Tensors parameters() const { return {host_, TRAINER_OF_MODEL}; }
  Tensors gradients() const { return {host_, TRAINER_OF_GRADIENTS}; }
  Tensors optimizer_state() const { return {host_, TRAINER_OF_OPTIMIZER}; }

  /// The optimizer's groups (sdk/optimizer.hpp); empty where nothing is trained, and when the host is older than 1.1.
  std::optional<Optimizer> optimizer() const {
    const auto* offered = extension<trainer_ext_optimizer>(TRAINER_EXT_OPTIMIZER);
    return offered == nullptr ? std::nullopt : std::optional<Optimizer>(std::in_place, host_, offered);
  }

  /// Asks for the end of the training after its step, from any thread. False when the host is older than 1.1.
  bool request_stop() const {
    if (!TRAINER_OFFERS(host_, trainer_host, request_stop)) return false;
    host_->request_stop(host_);
    return true;
  }
  /// The checkpoint that an on_save is about, and the one that this training resumed from (ext/checkpoint.h); empty
  /// when there is none, or the host does not say it. Only during an event.
  /// @{
  std::string_view saved_checkpoint() const { return checkpoint(&trainer_ext_checkpoint::saved); }
  std::string_view resumed_checkpoint() const { return checkpoint(&trainer_ext_checkpoint::resumed_from); }
  /// @}

  const trainer_host* raw() const { return host_; }

 private:
  std::string_view text(void(TRAINER_CALL* get)(const trainer_host*, trainer_text*)) const {
    trainer_text out{};
    get(host_, &out);
    return view(out);
  }
  template <typename Function>
  std::string_view checkpoint(Function function) const {
    trainer_text out{};
    const auto* offered = extension<trainer_ext_checkpoint>(TRAINER_EXT_CHECKPOINT);
    return offered != nullptr && (offered->*function)(host_, &out) == TRAINER_OK ? view(out) : std::string_view();
  }
  const trainer_host* host_;
};

}  // namespace trainer::sdk
