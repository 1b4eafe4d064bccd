// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <trainer/host.h>

#include <atomic>
#include <vector>

#include "border/log_limit.hpp"
#include "border/map_view.hpp"
#include "trainer/host_context.hpp"

namespace trainer {

/// The trainer_host table that one instance of a plugin gets, and what its answers are kept in.
class PluginHost : public trainer_host {
 public:
  /// `name` is put before the plugin's log lines. `context` must outlive this.
  PluginHost(std::string name, json::object config, const HostContext& context);
  PluginHost(const PluginHost&) = delete;
  ~PluginHost();

  std::string take_error() { return std::exchange(error_, {}); }
  bool take_stop_request() { return stop_requested_.exchange(false, std::memory_order_relaxed); }
  const json::object& config() const { return config_; }
  const HostContext& context() const { return context_; }

 private:
  friend struct HostFunctions;
  void tell_left_out(std::uint64_t lines) const;

  const Moment* const maker_ = &moment();
  std::string name_;
  std::atomic<bool> stop_requested_{false};
  LogLimit log_limit_;
  json::object config_;
  std::string config_json_;
  const HostContext& context_;
  std::string error_;
  // What the last answers point into.
  std::string arguments_json_, state_json_, config_scratch_, argument_scratch_, model_error_, objects_json_;
  json::value argument_;
  MapView history_{nullptr, true};
};

}  // namespace trainer
