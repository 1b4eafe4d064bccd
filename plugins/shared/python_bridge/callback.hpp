// SPDX-License-Identifier: Apache-2.0
//
// What every plugin that runs a Python callback is made of.
#pragma once

#include <memory>
#include <trainer/sdk.hpp>

#include "shared/python_bridge/session.hpp"
#include "shared/system/environment.hpp"

namespace trainer::plugins {

/// Base of the plugins that run a Python callback: each overrides the events of its note with a
/// call of cross().
class BridgedCallback : public sdk::TrainerCallback {
 public:
  BridgedCallback(const sdk::Host& host, BridgeSettings settings)
      : session_(std::make_unique<BridgeSession>(host, std::move(settings))) {}

  // A training that began and did not end has failed; without one there is nothing to fail.
  ~BridgedCallback() override { session_->close(begun_ && !ended_); }

 protected:
  void cross(std::uint32_t kind, const State& state, Control& control, Map* values = nullptr) {
    if (kind == TRAINER_ON_TRAIN_BEGIN) begun_ = true, ended_ = false;
    if (kind == TRAINER_ON_TRAIN_END) ended_ = true;
    if (session_->wants(kind)) session_->event(kind, state, control, values);
  }
  BridgeSession& session() const { return *session_; }

 private:
  std::unique_ptr<BridgeSession> session_;
  bool begun_ = false, ended_ = false;
};

/// Whether the module can be found by the Python that would be used; throws sdk::Unavailable with
/// the command that installs the package. Takes about 50 ms.
void require_package(const std::string& module, const std::string& package);

}  // namespace trainer::plugins
