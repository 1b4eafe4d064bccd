// SPDX-License-Identifier: Apache-2.0
#include "loading/plugin_ranks.hpp"

#include "border/abi_sizes.hpp"
#include "border/plugin_call.hpp"
#include "loading/plugin_library.hpp"
#include "trainer/error.hpp"

namespace trainer {
namespace {

class ElsewhereEntry final : public CallbackEntry {
 public:
  explicit ElsewhereEntry(const PluginFile& file) : file_(file) {
    name = file_.note.id;
    class_name = file_.note.class_name;
    slots_.struct_size = sizeof slots_;
    table = &slots_;
  }
  const PluginFile* plugin() const override { return &file_; }
  bool elsewhere() const override { return true; }

 private:
  const PluginFile file_;
  trainer_callback slots_{};
};

}  // namespace

RunsOn runs_on(const PluginLibrary& library) {
  const AskedFor asked(library.file().note.id, Call::plugin_get_extension);  // until what it gave is read
  const auto* ranks = static_cast<const trainer_ext_ranks*>(library.extension(TRAINER_EXT_RANKS));
  if (!ranks) return RunsOn::all;
  if (!has_least_size(*ranks))
    throw_usage(error_id::plugin_extension_invalid,
                library.file().place() + ": its " TRAINER_EXT_RANKS " has a struct_size of " +
                    std::to_string(ranks->struct_size) + " bytes, expected at least " +
                    std::to_string(least_size<trainer_ext_ranks>) + "; rebuild it with the SDK");
  if (ranks->where == TRAINER_RANKS_WORLD_ZERO) return RunsOn::world_zero;
  return ranks->where == TRAINER_RANKS_LOCAL_ZERO ? RunsOn::local_zero : RunsOn::all;
}

std::shared_ptr<CallbackEntry> make_elsewhere_entry(const PluginFile& file) {
  return std::make_shared<ElsewhereEntry>(file);
}

}  // namespace trainer
