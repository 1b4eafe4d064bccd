// SPDX-License-Identifier: Apache-2.0
//
// A plugin as a callback of a run: its instance is made, checked against the note, and kept.
#include "loading/plugin_entry.hpp"

#include <mutex>

#include "base/text.hpp"
#include "border/abi_sizes.hpp"
#include "border/plugin_call.hpp"
#include "border/plugin_host.hpp"
#include "border/watchdog.hpp"
#include "discovery/plugin_config.hpp"
#include "loading/plugin_extensions.hpp"
#include "loading/plugin_library.hpp"
#include "trainer/callback_handler.hpp"
#include "trainer/console.hpp"
#include "trainer/error.hpp"
#include "trainer/event_names.hpp"
#include "trainer/log.hpp"

namespace trainer {
namespace {

constexpr std::size_t longest_class_name = 1024;

class PluginEntry final : public CallbackEntry {
 public:
  PluginEntry(std::shared_ptr<PluginLibrary> library, json::object config, OnError policy, const HostContext& context)
      : library_(std::move(library)), host_(library_->file().note.id, std::move(config), context) {
    name = note().id;
    class_name = note().class_name;
    on_error = policy;
    if (ask(Call::create, [&] { return library_->table().create(&host_, &table); }) != TRAINER_OK) {
      const std::string reason = host_.take_error();
      throw_usage(error_id::plugin_create_failed,
                  where() + "could not be created: " + (reason.empty() ? "it gave no reason" : reason));
    }
    check_table();
    try {
      check_slots();
      ask_for_state();
      ask_for_console();
      outcome_ = extension<trainer_ext_outcome>(TRAINER_EXT_OUTCOME);
      results_ = extension<trainer_ext_results>(TRAINER_EXT_RESULTS);
      files_ = extension<trainer_ext_checkpoint_files>(TRAINER_EXT_CHECKPOINT);
    } catch (...) {
      destroy();
      throw;
    }
  }

  ~PluginEntry() override {
    console_.reset();
    if (const auto failure = take_failure_between_events()) log::warning(failure->what());
    destroy();
  }

  void turned(bool on) override {
    if (!on)
      console_.reset();
    else if (wants_lines_ && !console_)
      listen();
  }
  const HostContext* context() const override { return &host_.context(); }
  const PluginFile* plugin() const override { return &library_->file(); }
  std::string take_error() override { return host_.take_error(); }
  std::optional<Error> take_failure_between_events() override {
    const std::lock_guard lock(failure_mutex_);
    return std::exchange(failure_, std::nullopt);
  }
  bool take_stop_request() override { return host_.take_stop_request(); }
  bool stateful() const override { return state_ != nullptr; }

  json::object state() override {
    json::object args, attributes;
    MapView args_view(&args, false), attributes_view(&attributes, false);
    const auto save = [&] { return state_->save(table, &args_view, &attributes_view); };
    if (ask(Call::save, save, ErrorKind::run) != TRAINER_OK)
      throw_run(error_id::plugin_state_failed, where() + "could not give its state: " + host_.take_error());
    return {{"args", std::move(args)}, {"attributes", std::move(attributes)}};
  }

  std::shared_ptr<CallbackEntry> restored(const json::object& stored) override {
    auto part = [&](std::string_view key) {
      const auto* found = stored.if_contains(key);
      return found && found->is_object() ? found->get_object() : json::object{};
    };
    const std::string place = "the stored state of " + name;
    json::object config = part("args");
    if (class_name != note().class_name) {  // they are the class's, not the plugin's
      json::object own = host_.config();
      own["kwargs"] = std::move(config);
      config = std::move(own);
    }
    auto made = std::make_shared<PluginEntry>(library_, resolve_config(note().config, note().id, config, place),
                                              on_error, host_.context());
    made->name = name;
    json::object attributes = part("attributes");
    MapView view(&attributes, true);
    const auto load = [&] { return made->state_->load(made->table, &view); };
    if (made->state_ && made->ask(Call::restore, load, ErrorKind::run) != TRAINER_OK)
      throw_run(error_id::plugin_state_refused, where() + "refused its stored state: " + made->host_.take_error());
    return made;
  }

  void ended(const TrainingOutcome& outcome) override {
    if (!outcome_ || !outcome_->ended) return;
    const trainer_outcome told = outcome_for_plugin(outcome);
    const auto tell = [&] { return outcome_->ended(table, &told); };
    if (ask(Call::ended, tell, ErrorKind::run) != TRAINER_OK)
      throw_run(error_id::callback_failed, where() + "failed when it was told how the training ended: " + reason());
  }

  std::vector<PluginResult> results() override {
    std::vector<PluginResult> all;
    if (!results_ || !results_->at) return all;
    try {
      for (std::uint64_t i = 0; i < TRAINER_MOST_RESULTS; ++i) {
        trainer_result given{};
        given.struct_size = sizeof given;
        const std::int32_t status = ask(Call::results, [&] { return results_->at(table, i, &given); }, ErrorKind::run);
        if (status == TRAINER_NOT_FOUND) break;
        if (status != TRAINER_OK)
          throw_run(error_id::callback_failed, where() + "could not say where its results are: " + reason());
        const AskedFor asked(name, Call::results);  // until what it gave is read
        PluginResult one;
        if (take_result(given, name, where(), one)) all.push_back(std::move(one));
      }
    } catch (const Error& e) {
      log::warning(e.what());
    }
    return all;
  }

  bool keeps_files() const override { return files_ && files_->save && files_->load; }
  void save_files(const std::filesystem::path& directory) override {
    if (ask_with(Call::save_files, files_->save, directory) != TRAINER_OK)
      throw_run(error_id::plugin_files_failed, where() + "could not write its files of the checkpoint: " + reason());
  }
  void load_files(const std::filesystem::path& directory) override {
    if (ask_with(Call::load_files, files_->load, directory) != TRAINER_OK)
      throw_run(error_id::plugin_files_refused,
                where() + "refused its files in " + directory.string() + ": " + reason());
  }

 private:
  const PluginNote& note() const { return library_->file().note; }
  std::string where() const { return "plugin " + name + " (" + library_->file().place() + ") "; }

  template <typename F>
  std::invoke_result_t<F> ask(Call call, F&& function, ErrorKind kind = ErrorKind::usage) const {
    return call_plugin({name, call, where(), kind}, std::forward<F>(function));
  }

  template <typename Function>
  std::int32_t ask_with(Call call, Function function, const std::filesystem::path& directory) const {
    const std::string text = std::filesystem::absolute(directory).string();
    return ask(call, [&] { return function(table, text.data(), text.size()); }, ErrorKind::run);
  }
  std::string reason() {
    const std::string given = host_.take_error();
    return given.empty() ? "it gave no reason" : given;
  }

  // The run has nobody any more to whom a failure of this could be an error.
  void destroy() noexcept try {
    if (table && table->destroy) ask(Call::destroy, [&] { table->destroy(table); });
  } catch (const std::exception& e) {
    log::warning(e.what());
  }

  // What the code says must agree with the note that was read before it ran. What a call gave is part of the call
  // until it is read: it may be no memory at all.
  void check_table() {
    const AskedFor asked(name, Call::create);
    if (!table)
      throw_usage(error_id::plugin_instance_invalid,
                  where() + "returned no instance from create; it must set *out when it returns 0");
    if (!has_least_size(*table))
      throw_usage(error_id::plugin_instance_invalid,
                  where() + "gave a callback of " + std::to_string(table->struct_size) + " bytes, expected at least " +
                      std::to_string(least_size<trainer_callback>) + "; set struct_size to sizeof(trainer_callback)");
  }

  void check_slots() const {
    for (std::uint32_t kind = 0; kind < TRAINER_EVENT_COUNT; ++kind) {
      const bool listed = note().events >> kind & 1;
      const bool has_slot = slot_of(*table, kind) != nullptr;
      if (listed == has_slot) continue;
      throw_usage(error_id::plugin_instance_invalid,
                  where() + (listed ? "lists " : "does not list ") + std::string(event_name(kind)) +
                      " among the events of its note, but its slot is " + (listed ? "null" : "set") +
                      "; make the two agree and rebuild it");
    }
  }

  template <typename Extension>
  const Extension* extension(const char* id) const {
    const AskedFor asked(name, Call::get_extension);
    if (!table->get_extension) return nullptr;
    const auto* found =
        static_cast<const Extension*>(ask(Call::get_extension, [&] { return table->get_extension(table, id); }));
    if (found && !has_least_size(*found))
      throw_usage(error_id::plugin_extension_invalid,
                  where() + "gave a " + id + " of " + std::to_string(found->struct_size) +
                      " bytes, expected at least " + std::to_string(least_size<Extension>) +
                      "; rebuild it with the SDK");
    return found;
  }

  void ask_for_state() {
    state_ = extension<trainer_ext_state>(TRAINER_EXT_STATE);
    if (!state_ || !state_->class_name) return;
    const AskedFor asked(name, Call::class_name);
    trainer_text given{};
    ask(Call::class_name, [&] { state_->class_name(table, &given); });
    const std::string_view text(given.data, given.data ? given.size : 0);
    if (text.size() > longest_class_name)
      throw_usage(error_id::plugin_extension_invalid, where() + "gave a class name of " + std::to_string(text.size()) +
                                                          " bytes, expected at most " +
                                                          std::to_string(longest_class_name));
    if (!is_utf8(text))
      throw_usage(error_id::plugin_extension_invalid, where() + "gave a class name that is not UTF-8");
    if (!text.empty()) class_name = text;
  }

  void ask_for_console() {
    wants_lines_ = extension<trainer_ext_console>(TRAINER_EXT_CONSOLE);
    if (wants_lines_ && !wants_lines_->line) wants_lines_ = nullptr;
  }

  void listen() {
    console_ = console::listen([this](console::Stream stream, std::string_view text) {
      if (!is_utf8(text)) return;
      try {
        const auto tell = [&] {
          wants_lines_->line(table, static_cast<std::uint32_t>(stream), text.data(), text.size());
        };
        if (!failed_between_events_) ask(Call::line, tell, ErrorKind::run);
      } catch (const Error& e) {  // on whatever thread: the next event tells it
        const std::lock_guard lock(failure_mutex_);
        failure_ = e;
        failed_between_events_ = true;
        failures_between_events.fetch_add(1, std::memory_order_relaxed);
      }
    });
  }

  const Watchdog watchdog_;
  std::shared_ptr<PluginLibrary> library_;
  PluginHost host_;
  const trainer_ext_state* state_ = nullptr;
  const trainer_ext_console* wants_lines_ = nullptr;
  const trainer_ext_outcome* outcome_ = nullptr;
  const trainer_ext_results* results_ = nullptr;
  const trainer_ext_checkpoint_files* files_ = nullptr;
  std::mutex failure_mutex_;
  std::optional<Error> failure_;                    // of a line, until it is told
  std::atomic<bool> failed_between_events_{false};  // then it gets no more lines
  std::shared_ptr<void> console_;                   // while it gets the lines of the run
};

}  // namespace

std::shared_ptr<CallbackEntry> make_plugin_entry(std::shared_ptr<PluginLibrary> library, const json::object& config,
                                                 OnError on_error, const HostContext& context, std::string_view where) {
  const PluginNote& note = library->file().note;
  json::object resolved = resolve_config(note.config, note.id, config, where);
  return std::make_shared<PluginEntry>(std::move(library), std::move(resolved), on_error, context);
}

}  // namespace trainer
