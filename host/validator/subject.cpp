// SPDX-License-Identifier: Apache-2.0
#include "validator/subject.hpp"

#include <cmath>
#include <cstring>

#include "border/abi_sizes.hpp"
#include "discovery/plugin_config.hpp"
#include "loading/plugin_library.hpp"
#include "trainer/callback_handler.hpp"
#include "trainer/error.hpp"
#include "trainer/event_names.hpp"
#include "validator/isolated_plugin.hpp"

namespace trainer::validator {
namespace {

constexpr std::uint64_t longest_error = 4096;

Cell cell_of(const json::value& v) {
  if (v.is_null()) return Cell();
  if (v.is_bool()) return Cell(v.get_bool());
  if (v.is_int64()) return Cell(std::int64_t{v.get_int64()});
  if (v.is_number()) return Cell(v.to_number<double>());
  if (v.is_string()) return Cell(std::string(v.get_string()));
  return sdk::testing::json_cell(json::dump(v));
}

// Some value that a rule of a note's "config" allows.
json::value guess(const json::object& rule) {
  if (const auto* choices = rule.if_contains("enum")) return choices->get_array().front();
  const json::value& type = rule.at("type");
  const auto name = type.is_array() ? type.get_array().front().get_string() : type.get_string();
  const auto* least = rule.if_contains("minimum");
  if (name == "integer")
    return least ? json::value(std::int64_t(std::ceil(least->to_number<double>()))) : json::value(1);
  if (name == "number") return least ? *least : json::value(1.0);
  if (name == "string") return "text";
  if (name == "boolean") return false;
  if (name == "array") return json::array();
  if (name == "object") return json::object();
  return nullptr;
}

}  // namespace

TrainingArguments run_arguments() {
  TrainingArguments args;
  args.output_dir = output_dir;
  args.num_train_epochs = 2;
  args.eval_strategy = args.save_strategy = args.logging_strategy = "steps";
  args.logging_steps = args.save_steps = 1;
  args.eval_steps = Number(1);
  args.load_best_model_at_end = true;
  args.metric_for_best_model = "loss";
  args.finalize();
  return args;
}

Subject::Subject(const Options& options, double seconds)
    : options_(options), file_(read_plugin_file(options.file)), limit_s_(seconds) {
  json::object given = options.config;
  for (const auto& entry : file_.note.config) {
    const auto& rule = entry.value().as_object();
    if (!given.contains(entry.key()) && !rule.contains("default")) given[entry.key()] = guess(rule);
  }
  default_config_ = config(given);
}

const trainer_plugin& Subject::plugin() {
  if (!plugin_)
    plugin_ = options_.isolated ? isolated_plugin(file_) : PluginLibrary::load(file_, TrialLoad::done)->table();
  return *plugin_;
}

json::object Subject::config(const json::object& given) {
  return resolve_config(file_.note.config, file_.note.id, given, "the configuration");
}

const json::object& Subject::default_config() { return default_config_; }

bool Subject::time_left() const {
  const std::chrono::duration<double> used = std::chrono::steady_clock::now() - start_;
  return used.count() < limit_s_ / 8;
}

void Subject::prepare(FakeHost& host, const json::object& config) const {
  static const TrainingArguments args = run_arguments();
  for (const auto& entry : args.to_dict()) host.arguments[entry.key()] = cell_of(args.get(entry.key()));
  host.arguments_json = args.to_json_string();
  host.model_config_json = "{\n  \"model_type\": \"mlp\",\n  \"layers\": [\n    2,\n    2\n  ]\n}";
  for (const auto& entry : config) host.config[entry.key()] = cell_of(entry.value());
  host.config_json = json::dump(config);
  host.state.logging_steps = host.state.eval_steps = host.state.save_steps = 1;
  host.state.train_batch_size = 8;
  host.process = process;
  host.state.is_world_process_zero = process.rank == 0;
  host.state.is_local_process_zero = process.local_rank == 0;
  host.state.present = TRAINER_STATE_HAS_TRAIN_BATCH_SIZE;
  host.param_groups = {{5e-5, 5e-5, 0.01, {"0.weight"}}, {5e-5, 5e-5, 0, {"0.bias"}}};
  for (const auto kind : {TRAINER_OF_MODEL, TRAINER_OF_GRADIENTS})
    host.tensors[kind] = {{"0.weight", {2, 2}, {0.5f, -1.0f, NAN, INFINITY}}, {"0.bias", {2}, {0, 1}}};
}

void Subject::require_accepted() const {
  if (refused > 0 && accepted == 0) throw Skip("the plugin refuses to work here: " + refusal);
}

Instance::Instance(Subject& subject, const json::object& config, Placement placement)
    : subject_(subject), placement_(placement) {
  subject.prepare(host, config);
  const trainer_plugin& plugin = subject.plugin();
  const trainer_host* given = host.table();
  if (placement == Placement::larger) {
    larger_host_.assign(sizeof *given + 64, static_cast<char>(0xA5));
    std::memcpy(larger_host_.data(), given, sizeof *given);
    const auto size = static_cast<std::uint32_t>(larger_host_.size());
    std::memcpy(larger_host_.data(), &size, sizeof size);
    given = reinterpret_cast<const trainer_host*>(larger_host_.data());
  } else if (placement == Placement::smaller) {
    trainer_host first = *given;
    first.struct_size = TRAINER_SIZE_TO(trainer_host, get_extension), first.abi_minor = 0;
    given = static_cast<const trainer_host*>(host_memory_.place(&first, first.struct_size, false));
    std::set<std::string> known;
    for (const char* id : {TRAINER_EXT_RUN, TRAINER_EXT_PARAMETERS, TRAINER_EXT_MODEL, TRAINER_EXT_OBJECTS})
      if (host.offered.count(id) != 0) known.insert(id);
    host.offered = std::move(known);
  }
  trainer_callback* made = nullptr;
  const std::int32_t status = plugin.create(given, &made);
  if (status != TRAINER_OK && made != nullptr)
    throw Failure("create returned " + std::to_string(status) + " and set *out, expected it as it was");
  const bool unavailable = status == TRAINER_UNAVAILABLE || status == TRAINER_NOT_CONFIGURED;
  check_status(unavailable ? TRAINER_ERROR : status, "create");
  if (made == nullptr) throw Failure("create returned 0 and left *out null, expected an instance");
  if (!has_least_size(*made))
    throw Failure("the instance has a struct_size of " + std::to_string(made->struct_size) + ", expected at least " +
                  std::to_string(least_size<trainer_callback>));
  if (made->reserved != 0) throw Failure("the instance's field `reserved` is not 0");
  callback_ = made;
  for (std::uint32_t kind = 0; kind < TRAINER_EVENT_COUNT; ++kind) {
    slots_[kind] = slot_of(*made, kind);
    if (subscribed(kind) != subject.file().note.has_event(kind))
      throw Failure("its slot " + std::string(event_name(kind)) + " is " +
                    (subscribed(kind) ? "set and not" : "null and") +
                    " among the events of the note, expected the two to agree");
  }
}

Instance::~Instance() { destroy(); }

void Instance::destroy() {
  if (callback_ != nullptr && callback_->destroy != nullptr) callback_->destroy(callback_);
  callback_ = nullptr;
}

void Instance::check_status(std::int32_t status, const std::string& what) {
  if (!host.misuse.empty())
    throw Failure("it called the host's " + host.misuse +
                  " from a thread of its own, expected the trainer's thread for all but log and request_stop");
  if (status == TRAINER_OK) {
    ++subject_.accepted;
    return;
  }
  if (status != TRAINER_ERROR)
    throw Failure(what + " returned " + std::to_string(status) + ", expected 0 or 1 (TRAINER_ERROR)");
  if (host.error.empty()) throw Failure(what + " returned TRAINER_ERROR without a sentence, expected set_error before");
  if (!sdk::testing::is_utf8(host.error)) throw Failure(what + " gave a sentence that is not UTF-8");
  ++subject_.refused;
  if (subject_.refusal.empty()) subject_.refusal = what + ": " + host.error.substr(0, longest_error);
  throw Refused(host.error);
}

std::int32_t Instance::call(std::uint32_t kind, trainer_map* values) {
  const trainer_slot slot = slots_[kind];
  trainer_event event{
      sizeof event, kind, nullptr, nullptr, values, host.has, 0, host.eval_dataloader_size, host.train_dataloader_size};
  if (placement_ == Placement::guarded || placement_ == Placement::smaller) {
    const bool first = placement_ == Placement::smaller;
    if (first) event.struct_size = TRAINER_SIZE_TO(trainer_event, eval_dataloader_size);
    auto* control = static_cast<trainer_control*>(memory_.place(&host.control, sizeof host.control, true));
    event.control = control;
    event.state = static_cast<const trainer_state*>(memory_.place(&host.state, sizeof host.state, false));
    if (values) event.values = static_cast<trainer_map*>(memory_.place(values, sizeof *values, false));
    const auto* placed = static_cast<const trainer_event*>(memory_.place(&event, event.struct_size, false));
    const std::int32_t status = slot(callback_, placed);
    host.control = *control;
    memory_.expire();
    return status;
  }
  // With room behind each struct, which Placement::larger calls a part of it.
  struct Roomy {
    trainer_event event;
    char tail1[64];
    trainer_state state;
    char tail2[64];
    trainer_control control;
    char tail3[64];
    trainer_map map;
    char tail4[64];
  };
  auto memory = std::make_unique<Roomy>();
  std::memset(static_cast<void*>(memory.get()), 0xA5, sizeof *memory);
  memory->state = host.state, memory->control = host.control;
  if (values) memory->map = *values, event.values = &memory->map;
  event.state = &memory->state, event.control = &memory->control;
  memory->event = event;
  if (placement_ == Placement::larger)
    for (auto* size : {&memory->event.struct_size, &memory->state.struct_size, &memory->control.struct_size,
                       &memory->map.struct_size})
      *size += 64;
  auto before = std::make_unique<Roomy>();
  std::memcpy(static_cast<void*>(before.get()), memory.get(), sizeof *memory);
  const std::int32_t status = slot(callback_, &memory->event);
  if (std::memcmp(before.get(), memory.get(), offsetof(Roomy, control)) != 0 ||
      std::memcmp(before->tail3, memory->tail3, sizeof *memory - offsetof(Roomy, tail3)) != 0)
    throw Failure(std::string(event_name(kind)) +
                  " wrote to the event, the state or the map's table, which are read-only");
  host.control = memory->control;
  host.control.struct_size = sizeof host.control;
  std::memset(static_cast<void*>(memory.get()), 0x5A, sizeof *memory);
  return status;
}

void Instance::fire(std::uint32_t kind, Row values) {
  if (!subscribed(kind)) return;
  host.error.clear();
  const bool has_values = kind == TRAINER_ON_LOG || kind == TRAINER_ON_EVALUATE || kind == TRAINER_ON_PREDICT;
  const trainer_control before = host.control;
  FakeMap map(values);
  const std::int32_t status = call(kind, has_values ? map.table() : nullptr);
  const std::string what(event_name(kind));
  for (std::uint32_t other = 0; other < TRAINER_EVENT_COUNT; ++other)
    if (slots_[other] != slot_of(*callback_, other))
      throw Failure(what + " changed the instance's slots, which stay as create left them");
  const trainer_control& control = host.control;
  for (const auto flag : {control.should_training_stop, control.should_epoch_stop, control.should_save,
                          control.should_evaluate, control.should_log})
    if (flag > 1) throw Failure(what + " set a flag of the control to " + std::to_string(flag) + ", expected 0 or 1");
  if (control.reserved != before.reserved || control.reserved2 != before.reserved2)
    throw Failure(what + " wrote to a reserved field of the control");
  check_status(status, what);
}

}  // namespace trainer::validator
