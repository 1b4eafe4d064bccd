// SPDX-License-Identifier: Apache-2.0
//
// What a plugin asks of its host, in a process without one: asked of the trainer, which answers during an event that it
// waits for.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "child/shared_memory.hpp"
#include "isolation/trainer_link.hpp"
#include "trainer/host_context.hpp"

namespace trainer::isolation {

class RemoteHost : public TensorSource, public ParamGroupSource {
 public:
  explicit RemoteHost(TrainerLink& link) : link_(link) {}

  /// The services that the trainer has.
  void fill(HostContext& context, bool tensors, bool model, bool objects, bool optimizer);
  /// An event begins; whether it is waited for.
  void begin(bool waited_for);
  void end() { within_ = false; }
  /// The plugin has use for answers: from now on the trainer waits for it.
  void want_answers();
  bool wants_answers() const { return wants_answers_; }

  std::uint64_t count(std::uint32_t of) override;
  bool at(std::uint32_t of, std::uint64_t index, trainer_text& name, trainer_tensor& tensor) override;
  std::int32_t copy(std::uint32_t of, std::uint64_t index, void* to, std::uint64_t size) override;

  std::uint64_t count() override;
  bool at(std::uint64_t index, trainer_param_group& group) override;
  bool parameter(std::uint64_t group, std::uint64_t index, trainer_text& name) override;
  bool set_lr(std::uint64_t group, double lr) override;

 private:
  struct Tensor {
    std::string name, memory_name;
    std::vector<std::int64_t> shape, strides;
    std::uint32_t code = 0, bits = 0, lanes = 0;
    std::uint64_t size = 0;
    bool found = false;
    std::uint64_t event = 0;  // in which it was fetched
    std::unique_ptr<child::SharedMemory> memory;
  };
  bool may_ask();
  template <typename... Parts>
  std::string ask(Request what, const Parts&... parts);
  Tensor& tensor(std::uint32_t of, std::uint64_t index);

  TrainerLink& link_;
  bool within_ = false, waited_for_ = false, wants_answers_ = false;
  std::uint64_t event_ = 0;
  std::map<std::uint32_t, std::pair<std::uint64_t, std::uint64_t>> counts_;  // of a kind: the event, how many
  std::map<std::pair<std::uint32_t, std::uint64_t>, Tensor> tensors_;
  std::deque<std::string> names_;  // of parameters, lent until the event ends
};

}  // namespace trainer::isolation
