// SPDX-License-Identifier: Apache-2.0
//
// Which callbacks a Trainer has, and how a program adds and takes them.
#include "trainer/builtin_callbacks.hpp"
#include "trainer/error.hpp"
#include "trainer/log.hpp"
#include "trainer/phase.hpp"
#include "trainer/trainer_impl.hpp"

namespace trainer {

void Trainer::Impl::add_initial_callbacks(const TrainerOptions& options) {
  handler->add(native_entry(std::make_shared<DefaultFlowCallback>()));
  auto report_to = args.report_to;
  // A training's own processes do not count, of which rank 0 has the lock.
  const std::string who =
      group->broadcast(train_dataset || group->rank() != 0 ? std::string() : DirectoryLock::holder(args.output_dir));
  if (!who.empty() && !report_to.empty()) {
    log::warning("output_dir " + args.output_dir + " is in use by " + who +
                 ", so nothing of this is logged to report_to, whose files there are those of the training");
    report_to.clear();
  }
  add_callbacks(*handler, report_to, options.trackers, options.callbacks, *plugins, *context);
  if (*args.disable_tqdm)
    handler->add(native_entry(std::make_shared<PrinterCallback>(options.quiet)));
  else if (!options.quiet)
    handler->add(native_entry(std::make_shared<ProgressCallback>()));
  std::string order;
  for (const auto& entry : handler->entries())
    order += (order.empty() ? "" : ", ") + entry->name + (entry->isolation() ? " (in a process of its own)" : "");
  log::info("callbacks in order: " + order);
}

void Trainer::add_callback(const CallbackSpec& callback) {
  in_phase("add_callback", impl_->state.global_step,
           [&] { trainer::add_callback(*impl_->handler, callback, *impl_->plugins, *impl_->context); });
}

std::shared_ptr<TrainerCallback> Trainer::pop_native(const std::function<bool(const TrainerCallback*)>& is_it) {
  for (const auto& entry : impl_->handler->entries()) {
    const auto callback = entry->native();
    if (!callback || !is_it(callback.get())) continue;
    impl_->handler->pop(entry.get());
    return callback;
  }
  return nullptr;
}

std::shared_ptr<TrainerCallback> Trainer::pop_callback(const TrainerCallback& callback) {
  return pop_native([&](const TrainerCallback* other) { return other == &callback; });
}

std::shared_ptr<CallbackEntry> Trainer::pop_callback(std::string_view name) {
  for (const auto& entry : impl_->handler->entries())
    if (entry->name == name || entry->class_name == name) return impl_->handler->pop(entry.get());
  return nullptr;
}

void Trainer::remove_callback(const TrainerCallback& callback) {
  if (!pop_callback(callback))
    throw_usage(error_id::callback_invalid,
                "remove_callback: this " + class_name_of(typeid(callback)) + " is not among the trainer's callbacks");
}

}  // namespace trainer
