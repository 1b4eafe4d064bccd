// SPDX-License-Identifier: Apache-2.0
//
// callback.hpp - what a plugin is made of whose callback runs in Python.
#pragma once

#include <memory>
#include <optional>
#include <trainer/sdk.hpp>

#include "shared/python_bridge/event_names.hpp"
#include "shared/python_bridge/session.hpp"
#include "shared/settings/settings.hpp"
#include "shared/system/environment.hpp"

namespace trainer::plugins {

/// Base of the plugins that run a Python callback. Subscribed is what a class overrides: each lists the
/// events of its note with TRAINER_CROSS and TRAINER_CROSS_WITH_VALUES.
class BridgedCallback : public sdk::TrainerCallback,
                        public sdk::Console,
                        public sdk::SeesOutcome,
                        public sdk::HasResults {
 public:
  static constexpr auto runs_on = sdk::RunsOn::world_zero;  // one Python, and not one a process

  BridgedCallback(const sdk::Host& host, BridgeSettings settings)
      : session_(std::make_unique<BridgeSession>(host, std::move(settings))) {}

  // Of a host that does not tell it: a training that began and did not end has failed.
  ~BridgedCallback() override { session_->close(failed_.value_or(begun_ && !ended_)); }

  // Without a training there is nothing to fail.
  void on_outcome(const sdk::Outcome& outcome) override {
    if (!begun_) return;
    failed_ = outcome.is_failed();
    session_->outcome(outcome);
  }
  std::vector<sdk::Result> results() const override { return session_->results(); }

  void on_line(std::uint32_t stream, std::string_view text) noexcept override {
    if (stream == TRAINER_STDOUT) session_->show(text);
  }

 protected:
  void cross(std::uint32_t kind, const State& state, Control& control, Map* values = nullptr) {
    if (kind == TRAINER_ON_TRAIN_BEGIN) begun_ = true, ended_ = false, failed_.reset();
    if (kind == TRAINER_ON_TRAIN_END) ended_ = true;
    if (session_->wants(kind)) session_->event(kind, state, control, values);
  }
  BridgeSession& session() const { return *session_; }
  bool ended() const { return ended_; }  ///< after a training

 private:
  std::unique_ptr<BridgeSession> session_;
  bool begun_ = false, ended_ = false;
  std::optional<bool> failed_;  // as the host told it
};

/// In a class's public part: the event goes to Python.
#define TRAINER_CROSS(event)                                                    \
  void event(const Arguments&, const State& state, Control& control) override { \
    constexpr std::uint32_t kind = ::trainer::plugins::event_kind(#event);      \
    cross(kind, state, control);                                                \
  }
/// The same for an event that has metrics or logs.
#define TRAINER_CROSS_WITH_VALUES(event)                                                     \
  void event(const Arguments&, const State& state, Control& control, Map& values) override { \
    constexpr std::uint32_t kind = ::trainer::plugins::event_kind(#event);                   \
    cross(kind, state, control, &values);                                                    \
  }

/// Whether the module can be found by the Python that would be used; throws sdk::Unavailable with
/// the command that installs the package. Takes about 50 ms.
void require_package(const std::string& module, const std::string& package);

}  // namespace trainer::plugins
