// SPDX-License-Identifier: Apache-2.0
//
// Plays trainer to an isolated plugin, and plugin to a host of the validator.
#include "validator/isolated_plugin.hpp"

#include <trainer/ext/checkpoint.h>
#include <trainer/ext/outcome.h>
#include <trainer/ext/ranks.h>
#include <trainer/ext/results.h>
#include <trainer/ext/state.h>
#include <trainer/ext/tracker.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "callbacks/native_event.hpp"
#include "isolation/isolated_entry.hpp"
#include "isolation/plugin_process.hpp"
#include "trainer/callback_handler.hpp"
#include "trainer/event_names.hpp"
#include "trainer/trainer_control.hpp"
#include "validator/ends.hpp"
#include "validator/heard_line.hpp"
#include "validator/hosted_run.hpp"

namespace trainer::validator {
namespace {

const PluginFile* validated = nullptr;
constexpr const char* config_place = "the configuration";

std::int32_t refuse(const trainer_host* host, std::string_view sentence) {
  host->set_error(host, sentence.data(), sentence.size());
  return TRAINER_ERROR;
}

// What a call of the contract returns, whatever is thrown in it. What ends its process is no refusal.
template <typename Work>
std::int32_t answer_of(const trainer_host* host, const Work& work) {
  try {
    return work();
  } catch (const Failure&) {
    throw;
  } catch (const Error& e) {
    if (std::string_view(e.id().text).starts_with("isolation.")) throw Failure(e.sentence());
    return refuse(host, e.sentence());
  } catch (const std::exception& e) {
    return refuse(host, e.what());
  } catch (...) {
    return refuse(host, "something was thrown that is no std::exception");
  }
}

class IsolatedInstance : public trainer_callback {
 public:
  explicit IsolatedInstance(const trainer_host* host) : trainer_callback{}, run_(host) {
    config_ = json::parse(std::string(sdk::Host(host).config_json()), config_place).as_object();
    auto process = std::make_shared<isolation::PluginProcess>(*validated, Isolation{}, run_.context);
    entry_ = make_isolated_entry(std::move(process), config_, OnError::fail, run_.context, config_place);
    struct_size = sizeof(trainer_callback);
    trainer_callback::destroy = [](trainer_callback* self) { delete static_cast<IsolatedInstance*>(self); };
    trainer_callback::get_extension = &IsolatedInstance::extension;
    // The entry has slots of its own beside the plugin's.
#define TRAINER_VALIDATED_SLOT(event) \
  if (validated->note.has_event(static_cast<std::uint32_t>(*event_from_name(#event)))) event = &IsolatedInstance::slot;
    TRAINER_FOR_EACH_SLOT(TRAINER_VALIDATED_SLOT)
#undef TRAINER_VALIDATED_SLOT
  }

 private:
  static IsolatedInstance& of(trainer_callback* self) { return *static_cast<IsolatedInstance*>(self); }

  static std::int32_t TRAINER_CALL slot(trainer_callback* self, const trainer_event* event) {
    return answer_of(of(self).run_.host, [&] { return of(self).fire(*event); });
  }

  std::int32_t fire(const trainer_event& event) {
    if (const auto before = entry_->take_failure_between_events()) throw *before;
    run_.take(*event.state);
    static const CallbackObjects none;
    TrainerControl control;
    for (const auto& flag : control_flags) control.*flag.field = event.control->*flag.field;
    json::object values;
    if (event.values) values = object_of(sdk::Map(event.values));
    const json::object sent = values;
    NativeEvent native;
    trainer_event& given = native;
    given = {};
    given.train_dataloader_size = -1;
    std::memcpy(&given, &event, std::min<std::size_t>(event.struct_size, sizeof given));  // an older host's is smaller
    native.struct_size = sizeof given;
    native.control = &control;
    native.native_args = &run_.args;
    native.native_state = &run_.state;
    native.native_control = &control;
    native.native_values = event.values ? &values : nullptr;
    native.objects = &none;
    const std::int32_t status = slot_of(*entry_->table, event.kind)(entry_->table, &native);
    for (const auto& flag : control_flags) event.control->*flag.field = control.*flag.field;
    if (values != sent) give(values, event.values);
    if (const auto failure = entry_->take_failure()) throw *failure;
    return status == TRAINER_OK ? TRAINER_OK : refuse(run_.host, entry_->take_error());
  }

  static const void* TRAINER_CALL extension(trainer_callback* self, const char* id) {
    const isolation::Created& has = created(*of(self).entry_);
    static const trainer_ext_state state = {
        sizeof state, 0,
        [](trainer_callback* self, trainer_map* args, trainer_map* attributes) {
          return of(self).save(args, attributes);
        },
        [](trainer_callback* self, const trainer_map* attributes) { return of(self).load(attributes); },
        [](trainer_callback* self, trainer_text* name) {
          *name = {of(self).entry_->class_name.data(), of(self).entry_->class_name.size()};
        }};
    static const trainer_ext_results results = {
        sizeof results, 0, [](trainer_callback* self, std::uint64_t index, trainer_result* result) {
          return of(self).result(index, *result);
        }};
    static const trainer_ext_outcome outcome = {
        sizeof outcome, 0,
        [](trainer_callback* self, const trainer_outcome* outcome) { return of(self).end(*outcome); }};
    static const trainer_ext_checkpoint_files files = {
        sizeof files, 0,
        [](trainer_callback* self, const char* directory, std::uint64_t size) {
          return of(self).keep(&CallbackEntry::save_files, {directory, size});
        },
        [](trainer_callback* self, const char* directory, std::uint64_t size) {
          return of(self).keep(&CallbackEntry::load_files, {directory, size});
        }};
    const std::string_view asked(id);
    if (asked == TRAINER_EXT_STATE) return has.stateful ? &state : nullptr;
    if (asked == TRAINER_EXT_RESULTS) return has.has_results ? &results : nullptr;
    if (asked == TRAINER_EXT_OUTCOME) return has.hears_outcome ? &outcome : nullptr;
    return asked == TRAINER_EXT_CHECKPOINT && has.keeps_files ? &files : nullptr;
  }

  std::int32_t save(trainer_map* args, trainer_map* attributes) {
    return answer_of(run_.host, [&] {
      const json::object state = entry_->state();
      give(state.at("args").as_object(), args);
      give(state.at("attributes").as_object(), attributes);
      return TRAINER_OK;
    });
  }

  std::int32_t load(const trainer_map* attributes) {
    return answer_of(run_.host, [&] {
      entry_ = entry_->restored({{"args", config_}, {"attributes", object_of(sdk::Map(attributes))}});
      return TRAINER_OK;
    });
  }

  // A trainer asks for all of them at once, and says in its log what is wrong with one.
  std::int32_t result(std::uint64_t index, trainer_result& out) {
    return answer_of(run_.host, [&]() -> std::int32_t {
      if (index == 0) {
        const HeardLine heard([](log::Level level, std::string_view) { return level >= log::Level::warning; });
        results_ = entry_->results();
        wrong_with_results_ = heard.last();
        if (wrong_with_results_.find(error_id::plugin_extension_invalid.text) != std::string::npos)
          throw Failure(wrong_with_results_);
      }
      if (index >= results_.size())
        return wrong_with_results_.empty() ? TRAINER_NOT_FOUND : refuse(run_.host, wrong_with_results_);
      const PluginResult& one = results_[static_cast<std::size_t>(index)];
      out.label = {one.label.data(), one.label.size()};
      out.place = {one.place.data(), one.place.size()};
      out.view = {one.view.data(), one.view.size()};
      return TRAINER_OK;
    });
  }

  std::int32_t end(const trainer_outcome& outcome) {
    return answer_of(run_.host, [&] {
      entry_->ended({.kind = static_cast<TrainingOutcome::Kind>(outcome.kind),
                     .global_step = outcome.global_step,
                     .max_steps = outcome.max_steps,
                     .epoch = outcome.epoch,
                     .signal = outcome.signal,
                     .by = std::string(sdk::view(outcome.by)),
                     .error = std::string(sdk::view(outcome.error)),
                     .error_id = std::string(sdk::view(outcome.error_id))});
      return TRAINER_OK;
    });
  }

  std::int32_t keep(void (CallbackEntry::*files)(const std::filesystem::path&), std::string_view directory) {
    return answer_of(run_.host, [&] {
      (*entry_.*files)(directory);
      return TRAINER_OK;
    });
  }

  HostedRun run_;
  json::object config_;
  std::shared_ptr<CallbackEntry> entry_;
  std::vector<PluginResult> results_;
  std::string wrong_with_results_;
};

std::int32_t TRAINER_CALL create(const trainer_host* host, trainer_callback** out) {
  return answer_of(host, [&] {
    *out = new IsolatedInstance(host);
    return TRAINER_OK;
  });
}

std::int32_t TRAINER_CALL available(const trainer_host* host) {
  return answer_of(host, [&]() -> std::int32_t {
    HostedRun run(host);
    const auto found = isolation::PluginProcess(*validated, Isolation{}, run.context).available({}, config_place);
    if (found.use == Availability::yes) return TRAINER_OK;
    refuse(host, found.reason);
    return found.use == Availability::no ? TRAINER_UNAVAILABLE : TRAINER_NOT_CONFIGURED;
  });
}

const void* TRAINER_CALL plugin_extension(const char* id) {
  static const trainer_ext_tracker tracker = {sizeof tracker, 0, available};
  return !validated->note.report_to.empty() && std::strcmp(id, TRAINER_EXT_TRACKER) == 0 ? &tracker : nullptr;
}

}  // namespace

const trainer_plugin& isolated_plugin(const PluginFile& file) {
  validated = &file;
  static const trainer_plugin table = {
      TRAINER_PLUGIN_MAGIC, sizeof table, file.note.abi_major, file.note.abi_minor, nullptr, create, plugin_extension};
  return table;
}

}  // namespace trainer::validator
