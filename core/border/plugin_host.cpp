// SPDX-License-Identifier: Apache-2.0
#include "border/plugin_host.hpp"

#include <trainer/ext/checkpoint.h>
#include <trainer/ext/model.h>
#include <trainer/ext/objects.h>
#include <trainer/ext/optimizer.h>
#include <trainer/ext/process.h>
#include <trainer/ext/run.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/text.hpp"
#include "border/abi_sizes.hpp"
#include "border/call_check.hpp"
#include "trainer/log.hpp"

namespace trainer {
namespace {

constexpr std::size_t longest_error = 4096;

std::string safe_text(const char* text, std::uint64_t size) {
  std::string out(text ? text : "", text ? std::min<std::uint64_t>(size, longest_error) : 0);
  while (!out.empty() && !is_utf8(out)) {
    if (out.size() + 4 > longest_error && (out.back() & 0x80)) {
      out.pop_back();  // perhaps only cut within a character
      continue;
    }
    for (char& c : out)
      if (c & 0x80) c = '?';
  }
  return out;
}

}  // namespace

// Every function of the table. None lets an exception out.
struct HostFunctions {
  using When = call_check::When;

  static PluginHost& of(const trainer_host* host) { return *static_cast<PluginHost*>(host->data); }

  static bool breaks_rule(const trainer_host* host, const char* function, When when) {
    return call_check::on && call_check::breaks_rule(of(host).name_, of(host).maker_, function, when);
  }

  static void log(const trainer_host* host, std::uint32_t level, const char* text, std::uint64_t size) {
    PluginHost& self = of(host);
    const auto [write, left_out] = self.log_limit_.next();
    if (left_out > 0) self.tell_left_out(left_out);
    if (!write) return;
    const auto index = level >= TRAINER_LOG_DEBUG && level <= TRAINER_LOG_ERROR ? level - 1 : 1;
    log::write(static_cast<log::Level>(index), self.name_ + ": " + safe_text(text, size));
  }
  static void set_error(const trainer_host* host, const char* text, std::uint64_t size) {
    if (breaks_rule(host, "trainer_host.set_error", When::trainer_thread)) return;
    of(host).error_ = safe_text(text, size);
  }
  static void config_json(const trainer_host* host, trainer_text* json) {
    if (breaks_rule(host, "trainer_host.config_json", When::trainer_thread)) return void(*json = {});
    *json = {of(host).config_json_.data(), of(host).config_json_.size()};
  }
  static std::int32_t config(const trainer_host* host, const char* key, std::uint64_t size, trainer_value* value) {
    if (breaks_rule(host, "trainer_host.config", When::trainer_thread)) return TRAINER_ERROR;
    const auto* found = key ? of(host).config_.if_contains({key, size}) : nullptr;
    if (!found) return TRAINER_NOT_FOUND;
    if (!has_least_size(*value)) return TRAINER_ERROR;
    fill_value(*found, *value, of(host).config_scratch_);
    return TRAINER_OK;
  }
  static std::int32_t argument(const trainer_host* host, const char* name, std::uint64_t size, trainer_value* value) {
    if (breaks_rule(host, "trainer_host.argument", When::trainer_thread)) return TRAINER_ERROR;
    PluginHost& self = of(host);
    const std::string_view key(name, name ? size : 0);
    if (!self.context_.args || !TrainingArguments::has(key)) return TRAINER_NOT_FOUND;
    if (!has_least_size(*value)) return TRAINER_ERROR;
    self.argument_ = self.context_.args->get(key);
    fill_value(self.argument_, *value, self.argument_scratch_);
    return TRAINER_OK;
  }
  static void arguments_json(const trainer_host* host, trainer_text* json) {
    if (breaks_rule(host, "trainer_host.arguments_json", When::trainer_thread)) return void(*json = {});
    PluginHost& self = of(host);
    self.arguments_json_ = self.context_.args ? self.context_.args->to_json_string() : "{}";
    *json = {self.arguments_json_.data(), self.arguments_json_.size()};
  }
  static void model_config_json(const trainer_host* host, trainer_text* json) {
    if (breaks_rule(host, "trainer_host.model_config_json", When::trainer_thread)) return void(*json = {});
    const std::string& text = of(host).context_.model_config_json;
    *json = {text.data(), text.size()};
  }
  static std::uint64_t log_history_size(const trainer_host* host) {
    if (breaks_rule(host, "trainer_host.log_history_size", When::trainer_thread_event)) return 0;
    const auto* state = of(host).context_.state;
    return state ? state->log_history.size() : 0;
  }
  static const trainer_map* log_history_at(const trainer_host* host, std::uint64_t index) {
    if (breaks_rule(host, "trainer_host.log_history_at", When::trainer_thread_event)) return nullptr;
    PluginHost& self = of(host);
    if (index >= log_history_size(host)) return nullptr;
    self.history_.show(&self.context_.state->log_history[index]);
    return &self.history_;
  }
  static void state_json(const trainer_host* host, trainer_text* json) {
    if (breaks_rule(host, "trainer_host.state_json", When::trainer_thread_event)) return void(*json = {});
    PluginHost& self = of(host);
    try {
      self.state_json_ = self.context_.state ? self.context_.state->to_json_string() : "{}\n";
    } catch (...) {  // memory is full
      self.state_json_ = "{}\n";
    }
    *json = {self.state_json_.data(), self.state_json_.size()};
  }

  static void request_stop(const trainer_host* host) {
    of(host).stop_requested_.store(true, std::memory_order_relaxed);
    stop_requests.fetch_add(1, std::memory_order_release);
  }

  static std::uint32_t run_kind(const trainer_host* host) {
    if (breaks_rule(host, "trainer_ext_run.kind", When::trainer_thread)) return TRAINER_RUN_TRAINING;
    return of(host).context_.replay ? TRAINER_RUN_REPLAY : TRAINER_RUN_TRAINING;
  }
  static std::int32_t describe_process(const trainer_host* host, trainer_process* process) {
    if (breaks_rule(host, "trainer_ext_process.describe", When::trainer_thread)) return TRAINER_ERROR;
    if (!has_least_size(*process)) return TRAINER_ERROR;
    const Process& p = of(host).context_.process;
    *process = {process->struct_size, 0,           p.rank,         p.world_size, p.local_rank,
                p.local_world_size,   p.node_rank, p.restart_count};
    return TRAINER_OK;
  }
  // What the source of a service throws, as when a device has failed or memory is full, does not reach the plugin.
  template <typename T, typename F>
  static T or_else(T failed, F&& ask) {
    try {
      return ask();
    } catch (...) {
      return failed;
    }
  }
  template <typename F>
  static std::int32_t or_error(F&& find) {
    return or_else<std::int32_t>(TRAINER_ERROR, [&] { return find() ? TRAINER_OK : TRAINER_NOT_FOUND; });
  }
  static std::uint64_t tensor_count(const trainer_host* host, std::uint32_t which) {
    if (breaks_rule(host, "trainer_ext_parameters.count", When::trainer_thread_event)) return 0;
    return or_else<std::uint64_t>(0, [&] { return of(host).context_.tensors->count(which); });
  }
  static std::int32_t tensor_at(const trainer_host* host, std::uint32_t which, std::uint64_t index, trainer_text* name,
                                trainer_tensor* tensor) {
    if (breaks_rule(host, "trainer_ext_parameters.at", When::trainer_thread_event)) return TRAINER_ERROR;
    if (!has_least_size(*tensor)) return TRAINER_ERROR;
    return or_error([&] { return of(host).context_.tensors->at(which, index, *name, *tensor); });
  }
  static std::int32_t tensor_copy(const trainer_host* host, std::uint32_t which, std::uint64_t index, void* to,
                                  std::uint64_t size) {
    if (breaks_rule(host, "trainer_ext_parameters.copy", When::trainer_thread_event)) return TRAINER_ERROR;
    return or_else<std::int32_t>(TRAINER_ERROR,
                                 [&] { return of(host).context_.tensors->copy(which, index, to, size); });
  }
  static std::int32_t save_model(const trainer_host* host, const char* directory, std::uint64_t size,
                                 trainer_text* error) {
    if (breaks_rule(host, "trainer_ext_model.save", When::trainer_thread_event)) return TRAINER_ERROR;
    PluginHost& self = of(host);
    try {
      self.context_.save_model(std::string(directory, size));
      return TRAINER_OK;
    } catch (const std::exception& e) {
      self.model_error_ = e.what();
    } catch (...) {
      self.model_error_ = "the model could not be saved, for a reason that has no text";
    }
    *error = {self.model_error_.data(), self.model_error_.size()};
    return TRAINER_ERROR;
  }
  static std::uint32_t present_objects(const trainer_host* host) {
    if (breaks_rule(host, "trainer_ext_objects.present", When::trainer_thread_event)) return 0;
    return or_else<std::uint32_t>(0, [&] { return of(host).context_.present_objects(); });
  }
  static void describe_objects(const trainer_host* host, trainer_text* json) {
    if (breaks_rule(host, "trainer_ext_objects.describe", When::trainer_thread_event)) return void(*json = {});
    PluginHost& self = of(host);
    try {
      self.objects_json_ = self.context_.describe_objects();
    } catch (...) {  // memory is full
      self.objects_json_ = "{}";
    }
    *json = {self.objects_json_.data(), self.objects_json_.size()};
  }
  static std::uint64_t group_count(const trainer_host* host) {
    if (breaks_rule(host, "trainer_ext_optimizer.count", When::trainer_thread_event)) return 0;
    return or_else<std::uint64_t>(0, [&] { return of(host).context_.param_groups->count(); });
  }
  static std::int32_t group_at(const trainer_host* host, std::uint64_t index, trainer_param_group* group) {
    if (breaks_rule(host, "trainer_ext_optimizer.at", When::trainer_thread_event)) return TRAINER_ERROR;
    if (!has_least_size(*group)) return TRAINER_ERROR;
    return or_error([&] { return of(host).context_.param_groups->at(index, *group); });
  }
  static std::int32_t group_parameter(const trainer_host* host, std::uint64_t group, std::uint64_t index,
                                      trainer_text* name) {
    if (breaks_rule(host, "trainer_ext_optimizer.parameter", When::trainer_thread_event)) return TRAINER_ERROR;
    return or_error([&] { return of(host).context_.param_groups->parameter(group, index, *name); });
  }
  static std::int32_t set_lr(const trainer_host* host, std::uint64_t group, double lr) {
    if (breaks_rule(host, "trainer_ext_optimizer.set_lr", When::trainer_thread_event)) return TRAINER_ERROR;
    if (!std::isfinite(lr) || lr < 0) return TRAINER_ERROR;
    return or_error([&] { return of(host).context_.param_groups->set_lr(group, lr); });
  }
  static std::int32_t give_place(const std::string& place, trainer_text* directory) {
    if (place.empty()) return TRAINER_NOT_FOUND;
    *directory = {place.data(), place.size()};
    return TRAINER_OK;
  }
  static std::int32_t saved_checkpoint(const trainer_host* host, trainer_text* directory) {
    if (breaks_rule(host, "trainer_ext_checkpoint.saved", When::trainer_thread_event)) return TRAINER_ERROR;
    return give_place(of(host).context_.checkpoints->saved, directory);
  }
  static std::int32_t resumed_from(const trainer_host* host, trainer_text* directory) {
    if (breaks_rule(host, "trainer_ext_checkpoint.resumed_from", When::trainer_thread_event)) return TRAINER_ERROR;
    return give_place(of(host).context_.checkpoints->resumed_from, directory);
  }
  static const void* get_extension(const trainer_host* host, const char* id) {
    if (breaks_rule(host, "trainer_host.get_extension", When::trainer_thread)) return nullptr;
    static const trainer_ext_parameters parameters = {sizeof(trainer_ext_parameters), 0, &tensor_count, &tensor_at,
                                                      &tensor_copy};
    static const trainer_ext_run run = {sizeof(trainer_ext_run), 0, &run_kind};
    static const trainer_ext_process process = {sizeof(trainer_ext_process), 0, &describe_process};
    static const trainer_ext_model model = {sizeof(trainer_ext_model), 0, &save_model};
    static const trainer_ext_objects objects = {sizeof(trainer_ext_objects), 0, &present_objects, &describe_objects};
    static const trainer_ext_optimizer optimizer = {
        sizeof(trainer_ext_optimizer), 0, &group_count, &group_at, &group_parameter, &set_lr};
    static const trainer_ext_checkpoint checkpoint = {sizeof(trainer_ext_checkpoint), 0, &saved_checkpoint,
                                                      &resumed_from};
    const HostContext& context = of(host).context_;
    if (context.asked_for) context.asked_for(id);
    if (std::strcmp(id, TRAINER_EXT_OPTIMIZER) == 0) return context.param_groups ? &optimizer : nullptr;
    if (std::strcmp(id, TRAINER_EXT_CHECKPOINT) == 0) return context.checkpoints ? &checkpoint : nullptr;
    if (std::strcmp(id, TRAINER_EXT_OBJECTS) == 0) return context.describe_objects ? &objects : nullptr;
    if (std::strcmp(id, TRAINER_EXT_RUN) == 0) return &run;
    if (std::strcmp(id, TRAINER_EXT_PROCESS) == 0) return &process;
    if (std::strcmp(id, TRAINER_EXT_MODEL) == 0) return context.save_model ? &model : nullptr;
    const bool asked = std::strcmp(id, TRAINER_EXT_PARAMETERS) == 0;
    return asked && context.tensors ? &parameters : nullptr;
  }
};

PluginHost::PluginHost(std::string name, json::object config, const HostContext& context)
    : trainer_host{sizeof(trainer_host),
                   TRAINER_ABI_MAJOR,
                   TRAINER_ABI_MINOR,
                   0,
                   this,
                   &HostFunctions::log,
                   &HostFunctions::set_error,
                   &HostFunctions::config_json,
                   &HostFunctions::config,
                   &HostFunctions::argument,
                   &HostFunctions::arguments_json,
                   &HostFunctions::model_config_json,
                   &HostFunctions::log_history_size,
                   &HostFunctions::log_history_at,
                   &HostFunctions::get_extension,
                   &HostFunctions::state_json,
                   &HostFunctions::request_stop},
      name_(std::move(name)),
      config_(std::move(config)),
      config_json_(json::dump(config_)),
      context_(context) {}

PluginHost::~PluginHost() {
  if (const std::uint64_t left_out = log_limit_.take_left_out(); left_out > 0) tell_left_out(left_out);
}

void PluginHost::tell_left_out(std::uint64_t lines) const {
  log::warning(name_ + ": " + std::to_string(lines) + " more lines are left out, it logs more than " +
               std::to_string(LogLimit::lines_a_second) + " a second");
}

}  // namespace trainer
