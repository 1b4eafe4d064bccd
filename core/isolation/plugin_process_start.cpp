// SPDX-License-Identifier: Apache-2.0
//
// How a plugin's process comes to be, up to the plugin that is loaded in it.
#include <algorithm>
#include <array>
#include <chrono>
#include <new>
#include <system_error>

#include "base/process.hpp"
#include "child/threads.hpp"
#include "isolation/event_record.hpp"
#include "isolation/plugin_answers.hpp"
#include "isolation/plugin_process.hpp"
#include "isolation/words.hpp"
#include "loading/plugin_library.hpp"
#include "loading/trainer_program.hpp"

namespace trainer::isolation {
namespace {

// Where /dev/shm is small, as in containers, a smaller one does, too.
std::unique_ptr<child::SharedMemory> memory_for_ring() {
  constexpr std::array<std::size_t, 3> sizes = {4u << 20, 1u << 20, 1u << 18};
  for (const std::size_t bytes : sizes) try {
      return std::make_unique<child::SharedMemory>(ring_memory(bytes));
    } catch (const std::system_error& e) {
      if (bytes != sizes.back()) continue;
      throw_run(error_id::isolation_start_failed,
                std::string("no shared memory for a plugin's process could be made: ") + e.what());
    }
  throw std::bad_alloc();
}

std::string require_trainer() {
  const auto program = find_trainer();
  if (program.empty())
    throw_usage(error_id::isolation_start_failed,
                "the command `trainer`, in which an isolated plugin runs, is neither beside this program nor beside "
                "its library; name its file with TRAINER_PROGRAM");
  return program.string();
}

std::vector<std::string> command_of(const std::string& program, const Isolation& isolation) {
  std::vector<std::string> words{program, "plugins", "host"};
  const auto limit = [&](const char* option, std::uint64_t value) {
    if (value > 0) words.insert(words.end(), {option, std::to_string(value)});
  };
  limit("--memory", isolation.memory);
  limit("--cpu_seconds", isolation.cpu_seconds);
  if (isolation.processes) words.insert(words.end(), {"--processes", std::to_string(*isolation.processes)});
  if (!isolation.network) words.emplace_back("--no_network");
  return words;
}

constexpr const char* not_loaded = "could not be loaded in a process of its own";

double start_seconds(const Isolation& isolation) { return std::max(isolation.timeout, least_start_seconds); }

}  // namespace

PluginProcess::PluginProcess(const PluginFile& file, const Isolation& isolation, const HostContext& context)
    : file_(PluginLibrary::check(file)),
      isolation_(isolation),
      context_(context),
      program_(require_trainer()),
      memory_(memory_for_ring()),
      ring_(memory_->data(), memory_->size() - ring_memory(0)) {
  const auto command = command_of(program_, isolation_);
  try {
    const WithoutSignals while_they_start;
    process_ = std::make_unique<child::Process>(child::Program{.command = command,
                                                               .environment = environment_variables(),
                                                               .printed = true,
                                                               .session = true,
                                                               .ends_all = true});
    connection_ =
        std::make_unique<child::Connection>(process_->connection(start_seconds(isolation_)), most_waiting_bytes,
                                            [this](std::string_view message) { return mail_.hear(message); });
    watcher_ = child::start_thread("that watches a plugin's process", [this] { watch(); });
  } catch (const std::runtime_error& e) {  // of the system, or of a thread
    connection_.reset();
    const std::string said = process_ ? process_->printed(0).value_or("") : "";
    throw_run(error_id::isolation_start_failed,
              "the process of the plugin " + file_.note.id + " could not be started: " + e.what() +
                  (said.empty() ? "" : "; it printed: " + said.substr(0, longest_line)));
  }
  try {
    require_same_build();
    load();
  } catch (...) {
    leave();
    throw;
  }
}

std::string PluginProcess::plugin_that(const char* failed) const {
  return "plugin " + file_.note.id + " (" + file_.place() + ") " + failed;
}

// Two builds need not understand each other; all that both know is how such a process greets.
void PluginProcess::require_same_build() {
  const std::string where = plugin_that(not_loaded);
  const auto refuse = [&](const std::string& found) {
    throw_usage(error_id::isolation_start_failed,
                where + ": " + program_ + " " + found + ", expected the command `trainer` of this build, " +
                    build_name() +
                    "; install command and library together, or name the right command with TRAINER_PROGRAM");
  };
  const double limit = start_seconds(isolation_);
  const auto until = std::chrono::steady_clock::now() + std::chrono::duration<double>(limit);
  std::optional<std::string> said;
  while (!(said = connection_->receive(0.1)) && !gone() && std::chrono::steady_clock::now() < until) {
  }
  if (!said && gone()) said = connection_->receive(1);  // what it said before
  if (said) mail_.taken(said->size());
  if (said && said->starts_with(greeting)) {
    if (said->substr(greeting.size()) != build_name()) refuse("is " + said->substr(greeting.size()));
    return;
  }
  if (said || !gone()) refuse(said ? "says what it should not" : "has said nothing within " + seconds_text(limit));
  const auto how = wait_for_end();
  const bool may_lack_memory = isolation_.memory > 0 && how == "exit status 1";
  if (!how || how->starts_with("signal") || may_lack_memory) throw lost(where);
  refuse("ended with " + (how->empty() ? "exit status 0" : *how) + " before it said which build it is");
}

void PluginProcess::load() {
  const Process& p = context_.process;
  json::object libraries;
  for (const auto& [name, digest] : file_.libraries) libraries.emplace(name, digest);
  const json::object given{
      {"path", file_.path.string()},
      {"sha256", file_.sha256},
      {"libraries", std::move(libraries)},
      {"ring", memory_->name()},
      {"ring_size", memory_->size()},
      {"model_config", context_.model_config_json},
      {"replay", context_.replay},
      {"tensors", context_.tensors != nullptr},
      {"model", static_cast<bool>(context_.save_model)},
      {"objects", static_cast<bool>(context_.describe_objects)},
      {"optimizer", context_.param_groups != nullptr},
      {"checkpoints", context_.checkpoints != nullptr},
      {"process", json::array{p.rank, p.world_size, p.local_rank, p.local_world_size, p.node_rank, p.restart_count}}};
  std::string question;
  Writer out(question);
  out.object(given);
  out.object(context_.args ? arguments_to_json(*context_.args) : json::object{});
  runs_on_ = ask(What::load, question, isolation_.timeout, plugin_that(not_loaded), read_runs_on);
}

Availability PluginProcess::available(const json::object& config, std::string_view config_place) {
  std::string question;
  Writer out(question);
  out.object(config);
  out.text(config_place);
  return ask(What::available, question, isolation_.timeout, plugin_that("did not say whether it is available"),
             read_availability);
}

}  // namespace trainer::isolation
