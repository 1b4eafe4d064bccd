// SPDX-License-Identifier: Apache-2.0
//
// Plays trainer to an isolated plugin, and plugin to a host of the validator.
#include "validator/isolated_plugin.hpp"

#include <trainer/ext/objects.h>
#include <trainer/ext/parameters.h>
#include <trainer/ext/ranks.h>
#include <trainer/ext/state.h>
#include <trainer/ext/tracker.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <optional>
#include <string>
#include <trainer/sdk/host.hpp>

#include "border/map_view.hpp"
#include "callbacks/native_event.hpp"
#include "isolation/isolated_entry.hpp"
#include "isolation/plugin_process.hpp"
#include "trainer/callback_handler.hpp"
#include "trainer/event_names.hpp"
#include "trainer/trainer_control.hpp"

namespace trainer::validator {
namespace {

const PluginFile* validated = nullptr;
constexpr const char* config_place = "the configuration";

json::value value_of(const sdk::Value& value) {
  const trainer_value& v = *value.raw();
  if (v.type == TRAINER_BOOLEAN) return v.integer != 0;
  if (v.type == TRAINER_INTEGER) return v.integer;
  if (v.type == TRAINER_NUMBER) return v.number;
  if (v.type == TRAINER_STRING) return json::value(sdk::view(v.text));
  return v.type == TRAINER_JSON ? json::parse(std::string(sdk::view(v.text)), "a value") : json::value();
}

json::object object_of(const sdk::Map& map) {
  json::object out;
  map.for_each([&](std::string_view key, const sdk::Value& value) { out[key] = value_of(value); });
  return out;
}

// What the object has, and nothing else.
void give(const json::object& object, trainer_map* map) {
  for (const auto& gone : object_of(sdk::Map(map)))
    if (!object.contains(gone.key())) map->remove(map, gone.key().data(), gone.key().size());
  for (const auto& entry : object) {
    trainer_value value{};
    std::string scratch;
    value.struct_size = sizeof value;
    fill_value(entry.value(), value, scratch);
    map->set(map, entry.key().data(), entry.key().size(), &value);
  }
}

std::int32_t refuse(const trainer_host* host, std::string_view sentence) {
  host->set_error(host, sentence.data(), sentence.size());
  return TRAINER_ERROR;
}

// What a call of the contract returns, whatever is thrown in it.
template <typename Work>
std::int32_t answer_of(const trainer_host* host, const Work& work) {
  try {
    return work();
  } catch (const Error& e) {
    return refuse(host, e.sentence());
  } catch (const std::exception& e) {
    return refuse(host, e.what());
  } catch (...) {
    return refuse(host, "something was thrown that is no std::exception");
  }
}

class Tensors final : public TensorSource {
 public:
  explicit Tensors(const trainer_host* host)
      : host_(host), offered_(sdk::Host(host).extension<trainer_ext_parameters>(TRAINER_EXT_PARAMETERS)) {}
  bool offered() const { return offered_ != nullptr; }
  std::uint64_t count(std::uint32_t of) override { return offered_->count(host_, of); }
  bool at(std::uint32_t of, std::uint64_t index, trainer_text& name, trainer_tensor& tensor) override {
    tensor.struct_size = sizeof tensor;
    return offered_->at(host_, of, index, &name, &tensor) == TRAINER_OK;
  }
  std::int32_t copy(std::uint32_t of, std::uint64_t index, void* to, std::uint64_t size) override {
    return offered_->copy(host_, of, index, to, size);
  }

 private:
  const trainer_host* host_;
  const trainer_ext_parameters* offered_;
};

/// What a run has, as the validator's host tells it.
struct Surroundings {
  explicit Surroundings(const trainer_host* given) : host(given), tensors(given) {
    const sdk::Host asked(host);
    args.update(json::parse(std::string(asked.arguments_json()), "the arguments").as_object(), "the arguments");
    context.args = &args;
    context.state = &state;
    context.model_config_json = std::string(asked.model_config_json());
    context.replay = asked.is_replay();
    const trainer_process process = asked.process();
    context.process = {process.rank,      process.world_size,   process.local_rank, process.local_world_size,
                       process.node_rank, process.restart_count};
    if (tensors.offered()) context.tensors = &tensors;
    if (asked.extension<trainer_ext_model>(TRAINER_EXT_MODEL))
      context.save_model = [given](const std::filesystem::path& to) { sdk::Host(given).save_model(to.string()); };
    const auto* objects = asked.extension<trainer_ext_objects>(TRAINER_EXT_OBJECTS);
    if (!objects) return;
    context.present_objects = [given, objects] { return objects->present(given); };
    context.describe_objects = [given, objects] {
      trainer_text text{};
      objects->describe(given, &text);
      return std::string(sdk::view(text));
    };
  }

  void take(const trainer_state& given) {
    const auto has = [&](std::uint32_t bit) { return (given.present & bit) != 0; };
    state.epoch = given.epoch, state.global_step = given.global_step, state.max_steps = given.max_steps;
    state.logging_steps = given.logging_steps, state.eval_steps = given.eval_steps, state.save_steps = given.save_steps;
    state.num_train_epochs = given.num_train_epochs, state.total_flos = given.total_flos;
    state.num_input_tokens_seen = given.num_input_tokens_seen;
    state.is_local_process_zero = given.is_local_process_zero != 0;
    state.is_world_process_zero = given.is_world_process_zero != 0;
    state.is_hyper_param_search = given.is_hyper_param_search != 0;
    state.train_batch_size.reset(), state.best_metric.reset(), state.best_global_step.reset();
    state.best_model_checkpoint.reset(), state.trial_name.reset();
    if (has(TRAINER_STATE_HAS_TRAIN_BATCH_SIZE)) state.train_batch_size = given.train_batch_size;
    if (has(TRAINER_STATE_HAS_BEST_METRIC)) state.best_metric = given.best_metric;
    if (has(TRAINER_STATE_HAS_BEST_GLOBAL_STEP)) state.best_global_step = given.best_global_step;
    if (has(TRAINER_STATE_HAS_BEST_MODEL_CHECKPOINT))
      state.best_model_checkpoint = sdk::view(given.best_model_checkpoint);
    if (has(TRAINER_STATE_HAS_TRIAL_NAME)) state.trial_name = sdk::view(given.trial_name);
    const sdk::Host asked(host);
    auto& history = state.log_history;
    if (asked.log_history_size() < history.size()) history.clear();
    while (history.size() < asked.log_history_size())
      history.push_back(object_of(asked.log_history_at(history.size())));
  }

  const trainer_host* host;
  Tensors tensors;
  TrainingArguments args;
  TrainerState state;
  HostContext context;
};

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
    static const trainer_ext_state state = {
        sizeof state, 0,
        [](trainer_callback* self, trainer_map* args, trainer_map* attributes) {
          return of(self).save(args, attributes);
        },
        [](trainer_callback* self, const trainer_map* attributes) { return of(self).load(attributes); },
        [](trainer_callback* self, trainer_text* name) {
          *name = {of(self).entry_->class_name.data(), of(self).entry_->class_name.size()};
        }};
    return of(self).entry_->stateful() && std::strcmp(id, TRAINER_EXT_STATE) == 0 ? &state : nullptr;
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

  Surroundings run_;
  json::object config_;
  std::shared_ptr<CallbackEntry> entry_;
};

std::int32_t TRAINER_CALL create(const trainer_host* host, trainer_callback** out) {
  return answer_of(host, [&] {
    *out = new IsolatedInstance(host);
    return TRAINER_OK;
  });
}

std::int32_t TRAINER_CALL available(const trainer_host* host) {
  return answer_of(host, [&]() -> std::int32_t {
    Surroundings run(host);
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
