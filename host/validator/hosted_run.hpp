// SPDX-License-Identifier: Apache-2.0
//
// What a run has, as a host of the validator tells it.
#pragma once

#include <trainer/sdk/host.hpp>

#include "trainer/host_context.hpp"

namespace trainer::validator {

json::object object_of(const sdk::Map& map);
/// What the object has, and nothing else.
void give(const json::object& object, trainer_map* map);

/// Of a host without the extension none.
class HostTensors final : public TensorSource {
 public:
  explicit HostTensors(const trainer_host* host);
  bool offered() const { return offered_ != nullptr; }
  std::uint64_t count(std::uint32_t of) override;
  bool at(std::uint32_t of, std::uint64_t index, trainer_text& name, trainer_tensor& tensor) override;
  std::int32_t copy(std::uint32_t of, std::uint64_t index, void* to, std::uint64_t size) override;

 private:
  const trainer_host* host_;
  const trainer_ext_parameters* offered_;
};

/// The extension is asked for each time, so that the host can tell whether a plugin uses it, or have it no more.
class HostGroups final : public ParamGroupSource {
 public:
  explicit HostGroups(const trainer_host* host) : host_(host) {}
  bool offered() const { return extension() != nullptr; }
  std::uint64_t count() override;
  bool at(std::uint64_t index, trainer_param_group& group) override;
  bool parameter(std::uint64_t group, std::uint64_t index, trainer_text& name) override;
  bool set_lr(std::uint64_t group, double lr) override;

 private:
  const trainer_ext_optimizer* extension() const;

  const trainer_host* host_;
};

struct HostedRun {
  explicit HostedRun(const trainer_host* host);
  /// As they are in an event.
  void take(const trainer_state& given);

  const trainer_host* host;
  HostTensors tensors;
  HostGroups groups;
  TrainingArguments args;
  TrainerState state;
  CheckpointPlaces places;
  HostContext context;
};

}  // namespace trainer::validator
