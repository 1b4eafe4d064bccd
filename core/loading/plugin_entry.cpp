// SPDX-License-Identifier: Apache-2.0
//
// A plugin as a callback of a run: its instance is made, checked against the note, and kept.
#include "loading/plugin_entry.hpp"

#include "base/text.hpp"
#include "border/abi_sizes.hpp"
#include "border/plugin_host.hpp"
#include "discovery/plugin_config.hpp"
#include "loading/plugin_library.hpp"
#include "trainer/callback_handler.hpp"
#include "trainer/console.hpp"
#include "trainer/error.hpp"
#include "trainer/event_names.hpp"

namespace trainer {
namespace {

class PluginEntry final : public CallbackEntry {
 public:
  PluginEntry(const PluginFile& file, json::object config, OnError policy, const HostContext& context)
      : file_(file), library_(PluginLibrary::load(file)), host_(file.note.id, std::move(config), context) {
    name = file.note.id;
    class_name = file.note.class_name;
    on_error = policy;
    if (create() != TRAINER_OK) {
      const std::string reason = host_.take_error();
      throw_usage(error_id::plugin_create_failed,
                  where() + "could not be created: " + (reason.empty() ? "it gave no reason" : reason));
    }
    check_table();
    ask_for_state();
    ask_for_console();
  }

  ~PluginEntry() override {
    console_.reset();
    if (table && table->destroy) table->destroy(table);
  }

  void disabled() override { console_.reset(); }
  const PluginFile* plugin() const override { return &library_->file(); }
  std::string take_error() override { return host_.take_error(); }
  bool stateful() const override { return state_ != nullptr; }

  json::object state() override {
    json::object args, attributes;
    MapView args_view(&args, false), attributes_view(&attributes, false);
    if (state_->save(table, &args_view, &attributes_view) != TRAINER_OK)
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
    if (class_name != file_.note.class_name) {  // they are the class's, not the plugin's
      json::object own = host_.config();
      own["kwargs"] = std::move(config);
      config = std::move(own);
    }
    auto made = std::make_shared<PluginEntry>(file_, resolve_config(file_.note.config, file_.note.id, config, place),
                                              on_error, host_.context());
    json::object attributes = part("attributes");
    MapView view(&attributes, true);
    if (made->state_ && made->state_->load(made->table, &view) != TRAINER_OK)
      throw_run(error_id::plugin_state_refused, where() + "refused its stored state: " + made->host_.take_error());
    return made;
  }

 private:
  std::string where() const { return "plugin " + name + " (" + file_.path.string() + ") "; }

  // The SDK lets no exception out; a plugin that is written without it might.
  std::int32_t create() {
    try {
      return library_->table().create(&host_, &table);
    } catch (const std::exception& e) {
      throw_usage(error_id::plugin_threw, where() + "threw an exception in create: " + e.what() +
                                              "; a plugin must catch its own and return TRAINER_ERROR");
    } catch (...) {
      throw_usage(error_id::plugin_threw,
                  where() + "threw an exception in create; a plugin must catch its own and return TRAINER_ERROR");
    }
  }

  // What the code says must agree with the note that was read before it ran.
  void check_table() {
    if (!table)
      throw_usage(error_id::plugin_instance_invalid,
                  where() + "returned no instance from create; it must set *out when it returns 0");
    if (!has_least_size(*table))
      throw_usage(error_id::plugin_instance_invalid,
                  where() + "gave a callback of " + std::to_string(table->struct_size) + " bytes, expected at least " +
                      std::to_string(least_size<trainer_callback>) + "; set struct_size to sizeof(trainer_callback)");
    for (std::uint32_t kind = 0; kind < TRAINER_EVENT_COUNT; ++kind) {
      const bool listed = file_.note.events >> kind & 1;
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
    if (!table->get_extension) return nullptr;
    const auto* found = static_cast<const Extension*>(table->get_extension(table, id));
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
    trainer_text given{};
    state_->class_name(table, &given);
    const std::string_view text(given.data, given.data ? given.size : 0);
    if (!is_utf8(text))
      throw_usage(error_id::plugin_extension_invalid, where() + "gave a class name that is not UTF-8");
    if (!text.empty()) class_name = text;
  }

  void ask_for_console() {
    const auto* wants = extension<trainer_ext_console>(TRAINER_EXT_CONSOLE);
    if (!wants || !wants->line) return;
    console_ = console::listen([this, wants](console::Stream stream, std::string_view text) {
      if (is_utf8(text)) wants->line(table, static_cast<std::uint32_t>(stream), text.data(), text.size());
    });
  }

  PluginFile file_;
  std::shared_ptr<PluginLibrary> library_;
  PluginHost host_;
  const trainer_ext_state* state_ = nullptr;
  std::shared_ptr<void> console_;  // while it gets the lines of the run
};

}  // namespace

std::shared_ptr<CallbackEntry> make_plugin_entry(const PluginFile& file, const json::object& config, OnError on_error,
                                                 const HostContext& context, std::string_view where) {
  return std::make_shared<PluginEntry>(file, resolve_config(file.note.config, file.note.id, config, where), on_error,
                                       context);
}

}  // namespace trainer
