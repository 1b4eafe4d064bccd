// SPDX-License-Identifier: Apache-2.0
#include "loading/availability.hpp"

#include <trainer/ext/tracker.h>

#include <algorithm>

#include "border/abi_sizes.hpp"
#include "border/plugin_call.hpp"
#include "loading/plugin_library.hpp"
#include "trainer/error.hpp"

namespace trainer {
namespace {

// The caller's host with its set_error replaced, so that the sentence comes back here. The
// functions are passed on with the caller's pointer, because a host may keep its data around its
// table.
struct Probe {
  trainer_host table;
  const trainer_host* host;
  std::string sentence;

  static Probe& of(const trainer_host* table) { return *const_cast<Probe*>(reinterpret_cast<const Probe*>(table)); }
  explicit Probe(const trainer_host* real) : table(*real), host(real) {
    table.set_error = [](const trainer_host* self, const char* text, std::uint64_t size) {
      of(self).sentence = text ? std::string(text, std::min<std::uint64_t>(size, 4096)) : "";
    };
    table.log = [](const trainer_host* self, std::uint32_t level, const char* text, std::uint64_t size) {
      of(self).host->log(of(self).host, level, text, size);
    };
    table.argument = [](const trainer_host* self, const char* name, std::uint64_t size, trainer_value* value) {
      return of(self).host->argument(of(self).host, name, size, value);
    };
    table.config = [](const trainer_host* self, const char* key, std::uint64_t size, trainer_value* value) {
      return of(self).host->config(of(self).host, key, size, value);
    };
    table.config_json = [](const trainer_host* self, trainer_text* json) {
      of(self).host->config_json(of(self).host, json);
    };
  }
};

}  // namespace

Availability ask_availability(const PluginLibrary& library, const trainer_host* host) {
  const AskedFor asked(library.file().note.id, Call::plugin_get_extension);  // until what it gave is read
  const auto* tracker = static_cast<const trainer_ext_tracker*>(library.extension(TRAINER_EXT_TRACKER));
  if (!tracker) return {};
  const auto name = library.file().place();
  if (!has_least_size(*tracker) || !tracker->available)
    throw_usage(error_id::plugin_extension_invalid,
                name + ": its " TRAINER_EXT_TRACKER " has a struct_size of " + std::to_string(tracker->struct_size) +
                    " bytes or no function, expected at least " + std::to_string(least_size<trainer_ext_tracker>) +
                    " bytes; rebuild it with the SDK");
  Probe probe(host);
  const auto& id = library.file().note.id;
  const std::int32_t status = call_plugin({id, Call::available, "plugin " + id + " (" + name + ") "},
                                          [&] { return tracker->available(&probe.table); });
  if (status == TRAINER_OK) return {};
  if (probe.sentence.empty())
    probe.sentence = name + " said that it is not available (status " + std::to_string(status) + ") and gave no reason";
  return {status == TRAINER_NOT_CONFIGURED ? Availability::when_named : Availability::no, probe.sentence};
}

}  // namespace trainer
