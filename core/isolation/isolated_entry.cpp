// SPDX-License-Identifier: Apache-2.0
//
// A callback of a run whose plugin is in another process: each slot sends its event there.
#include "isolation/isolated_entry.hpp"

#include <algorithm>

#include "callbacks/native_event.hpp"
#include "isolation/event_record.hpp"
#include "isolation/instance_calls.hpp"
#include "isolation/plugin_answers.hpp"
#include "isolation/words.hpp"
#include "state/checkpoint_names.hpp"
#include "trainer/callback_handler.hpp"
#include "trainer/console.hpp"
#include "trainer/event_names.hpp"
#include "trainer/log.hpp"
#include "trainer/trainer_control.hpp"

namespace trainer {
namespace {

using isolation::Failure;
using isolation::PluginProcess;
using isolation::What;

// The trainer goes on to remove or to write anew what these speak of, or they come once.
constexpr std::uint32_t file_events = 1u << TRAINER_ON_SAVE | 1u << TRAINER_ON_TRAIN_END | 1u << TRAINER_ON_PUSH_BEGIN;
constexpr std::uint32_t waited_events = file_events | 1u << TRAINER_ON_INIT_END | 1u << TRAINER_ON_TRAIN_BEGIN;

bool is_one_of(std::uint32_t events, std::uint32_t kind) { return (events >> kind & 1u) != 0; }

isolation::Event event_of(const NativeEvent& event) {
  return {event.kind, event.has, event.eval_dataloader_size, event.train_dataloader_size};
}

class IsolatedEntry final : public CallbackEntry {
 public:
  IsolatedEntry(std::shared_ptr<PluginProcess> process, json::object config, OnError policy, const HostContext& context,
                std::string where)
      : process_(std::move(process)), config_(std::move(config)), context_(context), config_place_(std::move(where)) {
    name = note().id;
    on_error = policy;
    block_.struct_size = sizeof(trainer_callback);
    block_.entry = this;
    table = &block_;
    create();
#define TRAINER_ISOLATED_SLOT(event) \
  if (note().has_event(TRAINER_EVENT_OF(event))) block_.event = &IsolatedEntry::slot;
#define TRAINER_EVENT_OF(event) static_cast<std::uint32_t>(*event_from_name(#event))
    TRAINER_FOR_EACH_SLOT(TRAINER_ISOLATED_SLOT)
    // By then it is known whether an event failed that nobody waited for.
    block_.on_train_end = &IsolatedEntry::slot;
#undef TRAINER_EVENT_OF
#undef TRAINER_ISOLATED_SLOT
  }

  ~IsolatedEntry() override {
    console_.reset();
    if (taken_over_) return;
    auto failure = take_failure_between_events();
    const std::string end = process_->close();
    // An event that nobody waited for.
    if (const auto last = process_->mail().take_failure(); last && !failure) failure = error_of(*last, name);
    const bool within = process_->doing().doing != 0;
    if (failure)
      log::warning(failure->what());
    else if (!end.empty())
      log::warning(with_id((within ? where_of_last_event() : calls().where() + "did not come to its end") + ": " + end,
                           process_->told_end() ? process_->told_end()->id : error_id::isolation_ended));
  }

  const PluginFile* plugin() const override { return &process_->file(); }
  const HostContext* context() const override { return &context_; }
  const Isolation* isolation() const override { return &process_->isolation(); }
  bool stateful() const override { return created_.stateful && !told_lost_; }
  const isolation::Created& created() const { return created_; }
  std::optional<Error> take_failure() override { return std::exchange(failure_, std::nullopt); }

  std::optional<Error> take_failure_between_events() override {
    if (const auto failure = process_->mail().take_failure()) return error_of(*failure, name);
    if (!process_->gone() || std::exchange(told_lost_, true)) return std::nullopt;
    return process_->lost(where_of_last_event());
  }

  bool take_stop_request() override { return process_->mail().take_stop_request(); }

  void turned(bool on) override {
    if (!on)
      console_.reset();
    else if (created_.listens && !console_)
      listen();
  }

  json::object state() override {
    return state_ = once([&] { return calls().state(); });
  }
  std::shared_ptr<CallbackEntry> restored(const json::object& stored) override {
    restore(stored);
    return std::make_shared<IsolatedEntry>(*this);
  }

  Restarted restart() override;

  void ended(const TrainingOutcome& outcome) override {
    if (told_lost_) return;
    once([&] { calls().ended(outcome); });
    if (const auto before = process_->mail().take_failure()) throw error_of(*before, name);
  }
  std::vector<PluginResult> results() override;
  bool keeps_files() const override { return created_.keeps_files && !told_lost_; }
  void save_files(const std::filesystem::path& directory) override {
    once([&] { calls().save_files(directory); });
  }
  void load_files(const std::filesystem::path& directory) override {
    once([&] { calls().load_files(directory); });
  }

  /// Takes the process over, for a state that was restored in it.
  explicit IsolatedEntry(IsolatedEntry& other)
      : process_(other.process_),
        config_(other.config_),
        context_(other.context_),
        config_place_(other.config_place_),
        state_(other.state_),
        writer_(other.writer_),
        created_(other.created_),
        waits_(other.waits_),
        begun_(other.begun_),
        training_(other.training_),
        restarts_(other.restarts_) {
    name = other.name;
    class_name = other.class_name;
    on_error = other.on_error;
    static_cast<trainer_callback&>(block_) = other.block_;
    block_.entry = this;
    table = &block_;
    other.console_.reset();
    other.taken_over_ = true;
  }

 private:
  struct Block : trainer_callback {
    IsolatedEntry* entry;
  };

  static std::int32_t slot(trainer_callback* self, const trainer_event* event) {
    return static_cast<Block*>(self)->entry->event(*static_cast<const NativeEvent*>(event));
  }

  const PluginNote& note() const { return process_->file().note; }
  isolation::InstanceCalls calls() const { return {*process_, name, context_.state}; }
  std::string where_of(std::uint32_t kind, std::int64_t step) const { return isolation::where_of(name, kind, step); }
  std::string where_of_last_event() const {
    const std::uint32_t doing = process_->doing().doing.load(std::memory_order_relaxed);
    const std::int64_t step = process_->doing().step.load(std::memory_order_relaxed);
    if (doing > 0 && doing <= TRAINER_EVENT_COUNT) return where_of(doing - 1, step);
    return "callback " + name + " failed between two events, after step " +
           std::to_string(context_.state ? context_.state->global_step : step);
  }
  double limit(std::uint32_t kind) const {
    return is_one_of(file_events, kind) ? calls().longest() : process_->isolation().timeout;
  }

  // Asks between events. The end of the process is told once, as that of the event that nobody waited for where it was
  // one: who asks next is the first to notice it.
  template <typename F>
  std::invoke_result_t<F> once(F&& ask) {
    try {
      return ask();
    } catch (const Error&) {
      if (!process_->told_end()) throw;
      told_lost_ = true;
      if (process_->doing().doing != 0) throw process_->lost(where_of_last_event());
      throw;
    }
  }

  void create();
  void restore(const json::object& stored);
  void give_files_back();
  std::int32_t event(const NativeEvent& event);
  void send(const NativeEvent& event, std::string_view record);
  template <typename F>
  void placed(const NativeEvent& event, F&& function) const;
  void ask(const NativeEvent& event, std::string_view record);
  void play_again(std::uint32_t kind);

  void listen() {
    console_ = console::listen([process = process_](console::Stream stream, std::string_view text) {
      process->show_line(static_cast<std::uint32_t>(stream), text);
    });
  }

  std::shared_ptr<PluginProcess> process_;
  const json::object config_;
  const HostContext& context_;
  const std::string config_place_;
  Block block_{};
  json::object state_;  // the last that it gave when it was asked
  isolation::EventWriter writer_;
  isolation::Created created_;
  bool waits_ = false;
  bool begun_ = false, training_ = false;  // it got on_init_end; and on_train_begin, but not on_train_end
  bool to_end_ = false;                    // it was lost before it came to on_train_end
  bool told_lost_ = false, taken_over_ = false;
  int restarts_ = 0;
  std::optional<Error> failure_;
  std::shared_ptr<void> console_;
};

void IsolatedEntry::create() {
  created_ = calls().create(config_, config_place_, on_error == OnError::restart);
  class_name = created_.class_name;
  waits_ = created_.waits || process_->isolation().wait.value_or(note().report_to.empty());
}

void IsolatedEntry::restore(const json::object& stored) {
  // Also for who takes over from one that does not take it.
  process_->mail().forget_state();
  state_ = stored;
  once([&] { calls().restore(stored); });
}

// A resumed run gives it those of its checkpoint.
void IsolatedEntry::give_files_back() {
  if (!created_.keeps_files || !context_.checkpoints || context_.checkpoints->newest.empty()) return;
  const auto own = context_.checkpoints->newest / plugins_directory / files_directory;
  if (std::error_code error; std::filesystem::is_directory(own, error)) load_files(own);
}

std::vector<PluginResult> IsolatedEntry::results() {
  if (told_lost_ || !created_.has_results) return {};
  return once([&] { return calls().results(); });
}

std::int32_t IsolatedEntry::event(const NativeEvent& event) {
  if (event.kind == TRAINER_ON_INIT_END) begun_ = true;
  if (event.kind == TRAINER_ON_TRAIN_BEGIN) training_ = true;
  if (event.kind == TRAINER_ON_TRAIN_END) training_ = false;
  if (!note().has_event(event.kind)) --cost.calls;  // which is not the plugin's
  try {
    if (told_lost_) return TRAINER_OK;  // with OnError::warn
    const auto record = writer_.write(event_of(event), *event.native_args, *event.native_state, *event.native_control,
                                      event.native_values, context_.checkpoints);
    send(event, record);
    return TRAINER_OK;
  } catch (const Error& e) {
    failure_ = e;
    told_lost_ = process_->told_end().has_value();
    to_end_ = event.kind == TRAINER_ON_TRAIN_END && process_->doing().doing != event.kind + 1;
  } catch (const std::exception& e) {
    failure_ = Error(ErrorKind::run, error_id::callback_failed,
                     where_of(event.kind, event.native_state->global_step) + ": " + e.what());
  }
  return TRAINER_ERROR;
}

void IsolatedEntry::send(const NativeEvent& event, std::string_view record) {
  waits_ = waits_ || process_->mail().wants_answers();
  if (waits_ || is_one_of(waited_events, event.kind) || !process_->fits(record)) return ask(event, record);
  if (process_->gone()) throw process_->lost(where_of_last_event());
  if (process_->push(record)) return;
  placed(event, [&] { process_->wait_and_push(record, ""); });
}

// The process may have ended in an event before, that nobody waited for.
template <typename F>
void IsolatedEntry::placed(const NativeEvent& event, F&& function) const {
  try {
    function();
  } catch (const Error& e) {
    const std::string where =
        process_->doing().doing != 0 ? where_of_last_event() : where_of(event.kind, event.native_state->global_step);
    throw Error(e.kind(), e.id(), where + (e.sentence().starts_with(": ") ? "" : ": ") + e.sentence());
  }
}

void IsolatedEntry::ask(const NativeEvent& event, std::string_view record) {
  isolation::EventAnswer answer;
  placed(event,
         [&] { answer = process_->ask(What::event, record, limit(event.kind), "", isolation::read_event_answer); });
  for (std::size_t i = 0; i < control_flags.size(); ++i)
    event.native_control->*control_flags[i].field = answer.flags[i];
  if (answer.values && event.native_values) *event.native_values = std::move(*answer.values);
  // Of an event before, that was not waited for.
  if (const auto before = process_->mail().take_failure()) throw error_of(*before, name);
  if (answer.failure.kind != Failure::none) throw error_of(answer.failure, name);
}

// As to a callback of a resumed run. What it makes of the flags counts for nothing.
void IsolatedEntry::play_again(std::uint32_t kind) {
  if (!note().has_event(kind) || !context_.state || !context_.args) return;
  TrainerControl control;
  NativeEvent event;
  static_cast<trainer_event&>(event) = {sizeof(trainer_event), kind, nullptr, &control, nullptr, 0, 0, -1, -1};
  event.native_args = context_.args;
  event.native_state = context_.state;
  event.native_control = &control;
  ask(event, writer_.write(event_of(event), *context_.args, *context_.state, control, nullptr, context_.checkpoints));
}

Restarted IsolatedEntry::restart() {
  const bool again = ++restarts_ <= isolation::most_restarts;
  Restarted out{.again = again, .consequence = isolation::restart_text(restarts_)};
  told_lost_ = !again;
  if (!again) return out;
  if (json::object last = process_->mail().last_state(); !last.empty()) state_ = std::move(last);
  console_.reset();
  try {
    process_->end();
    process_ = std::make_shared<PluginProcess>(process_->file(), process_->isolation(), context_);
    writer_ = {};
    create();
    if (begun_) play_again(TRAINER_ON_INIT_END);
    if (!state_.empty()) restore(state_);
    give_files_back();
    if (training_ || to_end_) play_again(TRAINER_ON_TRAIN_BEGIN);
    if (to_end_) play_again(TRAINER_ON_TRAIN_END);
    if (on) turned(true);
  } catch (const Error& e) {
    out.failure = e;
  } catch (const std::exception& e) {
    out.failure = Error(ErrorKind::run, error_id::callback_failed,
                        "callback " + name + " could not be started again: " + e.what());
  }
  return out;
}

}  // namespace

std::shared_ptr<CallbackEntry> make_isolated_entry(std::shared_ptr<PluginProcess> process, const json::object& config,
                                                   OnError on_error, const HostContext& context, std::string where) {
  return std::make_shared<IsolatedEntry>(std::move(process), config, on_error, context, std::move(where));
}

const isolation::Created& created(const CallbackEntry& isolated) {
  return static_cast<const IsolatedEntry&>(isolated).created();
}

}  // namespace trainer
