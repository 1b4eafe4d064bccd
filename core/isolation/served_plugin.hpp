// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "child/shared_memory.hpp"
#include "isolation/event_record.hpp"
#include "isolation/remote_host.hpp"
#include "isolation/ring.hpp"
#include "loading/plugin_library.hpp"
#include "trainer/callback_entry.hpp"

namespace trainer::isolation {

/// The plugin of a process, one instance of it, and the run as the last event told it.
class ServedPlugin {
 public:
  explicit ServedPlugin(TrainerLink& link) : remote_(link) {}
  ~ServedPlugin() { entry.reset(); }  // it uses the rest
  ServedPlugin(const ServedPlugin&) = delete;
  ServedPlugin& operator=(const ServedPlugin&) = delete;

  /// Of each question but an event what the answer says. An Error that the trainer is told.
  std::string answer(What what, Reader& in);
  /// Calls the slot for the event that `run` has read last.
  Failure fire(bool waited_for);

  EventReader run;
  std::optional<RingReader> ring;        ///< once it is loaded
  std::shared_ptr<CallbackEntry> entry;  ///< once it is created
  bool tells_states = false;             ///< a new process may need the last one
  bool over = false;                     ///< it is destroyed

 private:
  std::string load(Reader& in);
  std::string ask_available(Reader& in);
  std::string create(Reader& in);
  std::string results();
  void tell_outcome(Reader& in);
  Failure call(trainer_slot slot, const trainer_event& event);
  void tell_unheard_flags();

  RemoteHost remote_;
  HostContext context_{.args = &run.args, .state = &run.state, .model_config_json = {}};
  std::unique_ptr<child::SharedMemory> memory_;
  std::shared_ptr<PluginLibrary> library_;
  std::string name_;
  bool told_unheard_ = false;
};

}  // namespace trainer::isolation
