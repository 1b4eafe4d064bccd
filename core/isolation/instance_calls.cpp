// SPDX-License-Identifier: Apache-2.0
#include "isolation/instance_calls.hpp"

#include <algorithm>

namespace trainer::isolation {

double InstanceCalls::longest() const { return std::max(timeout(), process_.isolation().shutdown_timeout); }

std::string InstanceCalls::at_step() const { return state_ ? " at step " + std::to_string(state_->global_step) : ""; }

Created InstanceCalls::create(const json::object& config, std::string_view config_place, bool wants_states) {
  std::string question;
  Writer out(question);
  out.object(config);
  out.text(config_place);
  out.put(static_cast<std::uint32_t>(wants_states));
  return process_.ask(What::create, question, timeout(), where() + "could not be created", read_created);
}

json::object InstanceCalls::state() {
  return process_.ask(What::save, {}, timeout(), where() + "could not give its state" + at_step(), read_state);
}

void InstanceCalls::restore(const json::object& state) {
  std::string question;
  Writer(question).object(state);
  process_.ask(What::restore, question, timeout(), where() + "did not take its stored state" + at_step());
}

void InstanceCalls::give(What what, const std::filesystem::path& directory, const char* failed) {
  std::string question;
  Writer(question).text(std::filesystem::absolute(directory).string());
  process_.ask(what, question, longest(), where() + failed + at_step());
}

void InstanceCalls::save_files(const std::filesystem::path& directory) {
  give(What::keep, directory, "could not write its files of the checkpoint");
}

void InstanceCalls::load_files(const std::filesystem::path& directory) {
  give(What::take, directory, "did not take its files of the checkpoint");
}

void InstanceCalls::ended(const TrainingOutcome& outcome) {
  std::string question;
  Writer out(question);
  out.put(outcome.kind), out.put(outcome.global_step), out.put(outcome.max_steps), out.put(outcome.epoch);
  out.put(outcome.signal), out.text(outcome.by), out.text(outcome.error), out.text(outcome.error_id);
  process_.ask(What::ended, question, longest(),
               where() + "failed when it was told how the training ended" + at_step());
}

std::vector<PluginResult> InstanceCalls::results() {
  return process_.ask(What::results, {}, timeout(), where() + "could not say where its results are" + at_step(),
                      [&](Reader& in) { return read_results(in, callback_, where()); });
}

}  // namespace trainer::isolation
