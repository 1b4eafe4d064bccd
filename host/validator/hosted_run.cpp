// SPDX-License-Identifier: Apache-2.0
#include "validator/hosted_run.hpp"

#include <trainer/ext/checkpoint.h>
#include <trainer/ext/objects.h>

#include <string>

#include "border/map_view.hpp"

namespace trainer::validator {
namespace {

json::value value_of(const sdk::Value& value) {
  const trainer_value& v = *value.raw();
  if (v.type == TRAINER_BOOLEAN) return v.integer != 0;
  if (v.type == TRAINER_INTEGER) return v.integer;
  if (v.type == TRAINER_NUMBER) return v.number;
  if (v.type == TRAINER_STRING) return json::value(sdk::view(v.text));
  return v.type == TRAINER_JSON ? json::parse(std::string(sdk::view(v.text)), "a value") : json::value();
}

std::string place_of(const trainer_host* host, std::int32_t(TRAINER_CALL* ask)(const trainer_host*, trainer_text*)) {
  trainer_text directory{};
  return ask(host, &directory) == TRAINER_OK ? std::string(sdk::view(directory)) : "";
}

}  // namespace

json::object object_of(const sdk::Map& map) {
  json::object out;
  map.for_each([&](std::string_view key, const sdk::Value& value) { out[key] = value_of(value); });
  return out;
}

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

HostTensors::HostTensors(const trainer_host* host)
    : host_(host), offered_(sdk::Host(host).extension<trainer_ext_parameters>(TRAINER_EXT_PARAMETERS)) {}

std::uint64_t HostTensors::count(std::uint32_t of) { return offered_->count(host_, of); }

bool HostTensors::at(std::uint32_t of, std::uint64_t index, trainer_text& name, trainer_tensor& tensor) {
  tensor.struct_size = sizeof tensor;
  return offered_->at(host_, of, index, &name, &tensor) == TRAINER_OK;
}

std::int32_t HostTensors::copy(std::uint32_t of, std::uint64_t index, void* to, std::uint64_t size) {
  return offered_->copy(host_, of, index, to, size);
}

const trainer_ext_optimizer* HostGroups::extension() const {
  return sdk::Host(host_).extension<trainer_ext_optimizer>(TRAINER_EXT_OPTIMIZER);
}

std::uint64_t HostGroups::count() { return offered() ? extension()->count(host_) : 0; }

bool HostGroups::at(std::uint64_t index, trainer_param_group& group) {
  group.struct_size = sizeof group;
  return offered() && extension()->at(host_, index, &group) == TRAINER_OK;
}

bool HostGroups::parameter(std::uint64_t group, std::uint64_t index, trainer_text& name) {
  return offered() && extension()->parameter(host_, group, index, &name) == TRAINER_OK;
}

bool HostGroups::set_lr(std::uint64_t group, double lr) {
  return offered() && extension()->set_lr(host_, group, lr) == TRAINER_OK;
}

HostedRun::HostedRun(const trainer_host* given) : host(given), tensors(given), groups(given) {
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
  if (groups.offered()) context.param_groups = &groups;
  if (asked.extension<trainer_ext_checkpoint>(TRAINER_EXT_CHECKPOINT)) context.checkpoints = &places;
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

void HostedRun::take(const trainer_state& given) {
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
  const auto* checkpoint = asked.extension<trainer_ext_checkpoint>(TRAINER_EXT_CHECKPOINT);
  places = {};
  if (checkpoint) places = {place_of(host, checkpoint->saved), place_of(host, checkpoint->resumed_from)};
  auto& history = state.log_history;
  if (asked.log_history_size() < history.size()) history.clear();
  while (history.size() < asked.log_history_size()) history.push_back(object_of(asked.log_history_at(history.size())));
}

}  // namespace trainer::validator
