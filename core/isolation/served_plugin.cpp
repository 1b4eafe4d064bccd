// SPDX-License-Identifier: Apache-2.0
//
// What is done with the plugin in its process.
#include "isolation/served_plugin.hpp"

#include <trainer/ext/console.h>
#include <trainer/ext/outcome.h>
#include <trainer/ext/results.h>

#include <cstring>

#include "border/call_check.hpp"
#include "border/map_view.hpp"
#include "border/plugin_call.hpp"
#include "border/plugin_host.hpp"
#include "discovery/plugin_config.hpp"
#include "discovery/plugin_file.hpp"
#include "loading/availability.hpp"
#include "loading/plugin_entry.hpp"
#include "loading/plugin_ranks.hpp"
#include "trainer/callback_handler.hpp"
#include "trainer/error.hpp"
#include "trainer/event_names.hpp"
#include "trainer/log.hpp"

namespace trainer::isolation {

std::string ServedPlugin::answer(What what, Reader& in) {
  std::string text;
  Writer out(text);
  switch (what) {
    case What::load:
      return load(in);
    case What::available:
      return ask_available(in);
    case What::create:
      return create(in);
    case What::event:  // PluginServer has that
      break;
    case What::save:
      out.object(entry->state());
      return text;
    case What::restore: {
      auto restored = entry->restored(in.object());
      entry->turned(false);
      entry = std::move(restored);
      entry->turned(true);
      return text;
    }
    case What::ended:
      tell_outcome(in);
      return text;
    case What::results:
      return results();
    case What::keep:
      entry->save_files(std::string(in.text()));
      return text;
    case What::take:
      entry->load_files(std::string(in.text()));
      return text;
    case What::destroy:
      entry->turned(false);
      entry.reset();
      over = true;
      return text;
  }
  return text;
}

std::string ServedPlugin::load(Reader& in) {
  const json::object given = in.object();
  const auto text_of = [&](const char* key) { return std::string(given.at(key).as_string()); };
  const std::filesystem::path path = text_of("path");
  const auto memory = given.at("ring_size").to_number<std::size_t>();
  memory_ = std::make_unique<child::SharedMemory>(text_of("ring"), memory, true);
  ring.emplace(memory_->data(), memory - ring_memory(0));
  run.args.update(in.object(), "the arguments of the trainer");
  context_.model_config_json = text_of("model_config");
  context_.replay = given.at("replay").as_bool();
  const auto number = [&](std::size_t i) { return given.at("process").as_array().at(i).to_number<std::uint32_t>(); };
  context_.process = {number(0), number(1), number(2), number(3), number(4), number(5)};
  remote_.fill(context_, given.at("tensors").as_bool(), given.at("model").as_bool(), given.at("objects").as_bool(),
               given.at("optimizer").as_bool());
  if (given.at("checkpoints").as_bool()) context_.checkpoints = &run.places;
  PluginFile file = read_plugin_file(path);
  file.sha256 = text_of("sha256");
  for (const auto& library : given.at("libraries").as_object())
    file.libraries.emplace(library.key(), library.value().as_string());
  library_ = PluginLibrary::load(file, TrialLoad::done);
  std::string text;
  Writer(text).put(static_cast<std::uint32_t>(context_.process.world_size > 1 ? runs_on(*library_) : RunsOn::all));
  return text;
}

std::string ServedPlugin::ask_available(Reader& in) {
  const PluginNote& note = library_->file().note;
  const json::object config = in.object();
  const PluginHost host(note.id, resolve_config(note.config, note.id, config, in.text()), context_);
  const Availability found = ask_availability(*library_, &host);
  std::string text;
  Writer out(text);
  out.put(static_cast<std::uint32_t>(found.use)), out.text(found.reason);
  return text;
}

std::string ServedPlugin::create(Reader& in) {
  const json::object config = in.object();
  const std::string place(in.text());
  tells_states = in.get<std::uint32_t>() != 0;
  entry = make_plugin_entry(library_, config, OnError::fail, context_, place);
  name_ = entry->name;
  entry->on = true;
  entry->turned(true);
  const trainer_callback& table = *entry->table;
  const auto has = [&](const char* id) {
    return static_cast<std::uint32_t>(table.get_extension && table.get_extension(entry->table, id) != nullptr);
  };
  std::string text;
  Writer out(text);
  out.text(entry->class_name);
  out.put(static_cast<std::uint32_t>(entry->stateful()));
  out.put(has(TRAINER_EXT_CONSOLE));
  out.put(static_cast<std::uint32_t>(remote_.wants_answers()));
  out.put(static_cast<std::uint32_t>(entry->keeps_files()));
  out.put(has(TRAINER_EXT_RESULTS)), out.put(has(TRAINER_EXT_OUTCOME));
  return text;
}

std::string ServedPlugin::results() {
  const auto all = entry->results();
  std::string text;
  Writer out(text);
  out.put(static_cast<std::uint64_t>(all.size()));
  for (const auto& one : all) out.text(one.label), out.text(one.place), out.text(one.view);
  return text;
}

void ServedPlugin::tell_outcome(Reader& in) {
  TrainingOutcome outcome;
  outcome.kind = in.get<TrainingOutcome::Kind>();
  outcome.global_step = in.get<std::int64_t>(), outcome.max_steps = in.get<std::int64_t>();
  outcome.epoch = in.get<double>(), outcome.signal = in.get<int>();
  outcome.by = std::string(in.text()), outcome.error = std::string(in.text());
  outcome.error_id = std::string(in.text());
  entry->ended(outcome);
}

Failure ServedPlugin::call(trainer_slot slot, const trainer_event& event) {
  Failure out{.event = event.kind, .step = run.state.global_step};
  AskedFor asked(moment(), event.kind);
  asked.is(known_name(name_));
  asked.at(run.state.global_step);
  try {
    out.code = slot(entry->table, &event);
    if (out.code != TRAINER_OK) out.kind = Failure::status, out.reason = entry->take_error();
  } catch (const std::exception& e) {
    out.kind = Failure::threw;
    out.reason = std::string("an exception left it, which is not allowed: ") + e.what();
  } catch (...) {
    out.kind = Failure::threw;
    out.reason = "an exception left it, which is not allowed";
  }
  if (!call_check::on) return out;
  if (const std::string misuse = call_check::take_misuse(name_); !misuse.empty())
    out.kind = Failure::misuse, out.reason = "it " + misuse;
  return out;
}

// The event that was read last.
Failure ServedPlugin::fire(bool waited_for) {
  const trainer_slot slot = slot_of(*entry->table, run.event.kind);
  if (!slot) return {};
  trainer_state view;
  run.state.fill(view);
  MapView map(run.values ? &*run.values : nullptr, false);
  const trainer_event event{sizeof(trainer_event),          run.event.kind, &view, &run.control,
                            run.values ? &map : nullptr,    run.event.has,  0,     run.event.eval_dataloader_size,
                            run.event.train_dataloader_size};
  RingHead& head = ring->head();
  head.step.store(run.state.global_step, std::memory_order_relaxed);
  head.doing.store(event.kind + 1, std::memory_order_relaxed);
  remote_.begin(waited_for);
  const trainer_control before = run.control;
  Failure failure = call(slot, event);
  remote_.end();
  head.doing.store(0, std::memory_order_relaxed);
  if (!waited_for && std::memcmp(&before, &run.control, sizeof before) != 0) tell_unheard_flags();
  return failure;
}

void ServedPlugin::tell_unheard_flags() {
  if (std::exchange(told_unheard_, true)) return;
  log::warning(name_ + " changes flags in " + std::string(event_name(run.event.kind)) +
               ", which has no effect, as the trainer does not wait for it; set \"wait\": true beside \"isolation\"");
}

}  // namespace trainer::isolation
