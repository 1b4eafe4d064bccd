// SPDX-License-Identifier: Apache-2.0
#include "isolation/plugin_process.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <new>
#include <system_error>

#include "base/kept_error_id.hpp"
#include "base/process.hpp"
#include "child/threads.hpp"
#include "isolation/event_record.hpp"
#include "isolation/words.hpp"
#include "loading/plugin_library.hpp"
#include "loading/trainer_program.hpp"
#include "state/moment.hpp"
#include "trainer/log.hpp"

namespace trainer::isolation {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double seconds_to_end = 4;  // that it may take to end what the plugin has started
constexpr double period = 0.1;        // in which the process is looked at

double since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

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

std::vector<std::string> command_of(const Isolation& isolation) {
  const auto program = find_trainer();
  if (program.empty())
    throw_usage(error_id::isolation_start_failed,
                "the command `trainer`, in which an isolated plugin runs, is neither beside this program nor beside "
                "its library; name its file with TRAINER_PROGRAM");
  std::vector<std::string> words{program.string(), "plugins", "host", "--build", build_name()};
  const auto limit = [&](const char* option, std::uint64_t value) {
    if (value > 0) words.insert(words.end(), {option, std::to_string(value)});
  };
  limit("--memory", isolation.memory);
  limit("--cpu_seconds", isolation.cpu_seconds);
  limit("--processes", isolation.processes);
  if (!isolation.network) words.emplace_back("--no_network");
  return words;
}

}  // namespace

PluginProcess::PluginProcess(const PluginFile& file, const Isolation& isolation, const HostContext& context)
    : file_(PluginLibrary::check(file)),
      isolation_(isolation),
      context_(context),
      memory_(memory_for_ring()),
      ring_(memory_->data(), memory_->size() - ring_memory(0)) {
  const auto command = command_of(isolation_);
  try {
    const WithoutSignals while_they_start;
    process_ = std::make_unique<child::Process>(child::Program{.command = command,
                                                               .environment = environment_variables(),
                                                               .printed = true,
                                                               .session = true,
                                                               .ends_all = true});
    connection_ = std::make_unique<child::Connection>(process_->connection(isolation_.timeout), most_waiting_bytes,
                                                      [this](std::string_view message) { return hear(message); });
    watcher_ = child::start_thread("that watches a plugin's process", [this] { watch(); });
  } catch (const std::runtime_error& e) {  // of the system, or of a thread
    connection_.reset();
    const std::string said = process_ ? process_->printed(0).value_or("") : "";
    throw_run(error_id::isolation_start_failed,
              "the process of the plugin " + file_.note.id + " could not be started: " + e.what() +
                  (said.empty() ? "" : "; it printed: " + said.substr(0, longest_line)));
  }
  try {
    load();
  } catch (...) {
    leave();
    throw;
  }
}

// Its threads first: they use the rest.
void PluginProcess::leave() {
  end();
  stop_ = true;
  watcher_.join();
  connection_.reset();
}

PluginProcess::~PluginProcess() {
  leave();
  if (waited_ >= 0.1)
    log::info("the run waited " + seconds_text(waited_) + " in all for " + file_.note.id + " to take its events");
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
  const std::string answer =
      ask(What::load, question, isolation_.timeout,
          "plugin " + file_.note.id + " (" + file_.place() + ") could not be loaded in a process of its own");
  runs_on_ = static_cast<RunsOn>(std::min(Reader(answer).get<std::uint32_t>(), std::uint32_t{2}));
}

Availability PluginProcess::available(const json::object& config, std::string_view config_place) {
  std::string question;
  Writer out(question);
  out.object(config);
  out.text(config_place);
  const std::string answer =
      ask(What::available, question, isolation_.timeout,
          "plugin " + file_.note.id + " (" + file_.place() + ") did not say whether it is available");
  Reader in(answer);
  const auto use = std::min(in.get<std::uint32_t>(), std::uint32_t{2});
  return {static_cast<Availability::Use>(use), std::string(in.text())};
}

std::string PluginProcess::ask(What what, std::string_view question, double seconds, const std::string& where) {
  if (gone()) throw lost(where);
  const std::uint64_t id = ++last_id_;
  message_.clear();
  Writer out(message_);
  out.put(Message::question), out.put(id), out.put(ring_.written()), out.put(what);
  message_ += question;
  connection_->send(message_, true);
  auto begin = Clock::now();
  bool told = false;
  for (;;) {
    const auto message = connection_->receive(std::clamp(seconds - since(begin), 0.0, period));
    if (!message) {
      if (gone()) throw lost(where);
      const double passed = since(begin);
      if (passed > 5 && !told && seconds > isolation_.timeout) {
        log::info("waiting for " + file_.note.id + ", at most " + seconds_text(seconds));
        told = true;
      }
      if (passed < seconds) continue;
      end();
      throw_run(error_id::isolation_silent, where + ": its process gave no answer within " + seconds_text(seconds) +
                                                " and was ended; raise its \"" +
                                                (seconds > isolation_.timeout ? "shutdown_timeout" : "timeout") +
                                                "\" if it needs more");
    }
    try {
      Reader in(*message);
      const auto kind = in.get<Message>();
      if (kind == Message::request) {
        const auto served = Clock::now();
        message_.clear();
        Writer(message_).put(Message::reply);
        services_.answer(in.rest(), message_);
        connection_->send(message_, true);
        begin += Clock::now() - served;  // what the trainer takes is not the plugin's
        continue;
      }
      if (kind != Message::answer || in.get<std::uint64_t>() != id) continue;
      if (in.get<std::uint32_t>() != 0) return std::string(in.rest());
      const auto error = in.get<std::uint32_t>() == 0 ? ErrorKind::run : ErrorKind::usage;
      const ErrorId its_id = kept_error_id(std::string(in.text()));
      throw Error(error, its_id, std::string(in.text()));
    } catch (const Error&) {
      throw;
    } catch (const std::runtime_error& e) {
      end();
      throw_run(error_id::isolation_ended, where + ": its process answered with " + e.what() + ", and was ended");
    }
  }
}

void PluginProcess::wait_and_push(std::string_view event, const std::string& where) {
  const auto begin = Clock::now();
  auto moved = begin;
  std::uint64_t taken = 0, before = 0;
  message_.clear();
  Writer(message_).put(Message::look);
  connection_->send(message_);
  for (auto nap = std::chrono::microseconds(50); !push(event);) {
    std::this_thread::sleep_for(nap);
    if (nap < std::chrono::milliseconds(1)) nap *= 2;
    const bool damaged = !ring_.look(taken);
    if (damaged) end();
    if (gone()) throw lost(where);
    if (taken != before) before = taken, moved = Clock::now();
    if (since(moved) < isolation_.timeout) continue;
    end();
    throw_run(error_id::isolation_silent, where + ": its process has taken no event for " +
                                              seconds_text(isolation_.timeout) +
                                              " and was ended; raise its \"timeout\" if it needs more");
  }
  tell_waiting(since(begin));
}

void PluginProcess::tell_waiting(double seconds) {
  waited_ += seconds;
  if (waited_ < 1 || std::exchange(told_, true)) return;
  log::info(file_.note.id + " takes its events more slowly than the run gives them; the run waits for it");
}

void PluginProcess::show_line(std::uint32_t stream, std::string_view text) const noexcept try {
  std::string message;
  Writer out(message);
  out.put(Message::line), out.put(place_.load(std::memory_order_relaxed)), out.put(stream), out.text(text);
  connection_->send(message);
} catch (const std::exception&) {
  // Memory is full: a line less.
}

// On the connection's thread. True when the trainer's need not see it.
bool PluginProcess::hear(std::string_view message) {
  Reader in(message);
  switch (in.get<Message>()) {
    case Message::log: {
      const auto level = std::min(in.get<std::uint32_t>(), std::uint32_t{3});
      log::write(static_cast<log::Level>(level), in.text());
      return true;
    }
    case Message::failed: {
      const std::lock_guard lock(mutex_);
      if (!failure_) failure_ = Failure::get(in);
      failures_between_events.fetch_add(1, std::memory_order_relaxed);
      return true;
    }
    case Message::state: {
      json::object state = in.object();
      const std::lock_guard lock(mutex_);
      state_ = std::move(state);
      return true;
    }
    case Message::stop:
      stop_requested_ = true;
      stop_requests.fetch_add(1, std::memory_order_release);
      return true;
    case Message::waits:
      wants_answers_ = true;
      return true;
    default:
      return false;
  }
}

std::optional<std::string> PluginProcess::ended() {
  const std::lock_guard lock(process_mutex_);
  return process_->ended();
}

void PluginProcess::end() {
  const std::lock_guard lock(process_mutex_);
  process_->stop(seconds_to_end);
  ended_ = true;
}

// What it prints comes as lines of the log, so that none gets into another's.
void PluginProcess::watch() {
  std::string text;
  for (bool open = true; !stop_ || open;) {
    const auto more = open ? process_->printed(stop_ ? 0 : period) : std::nullopt;
    if (more && !more->empty()) {
      take_lines(text += *more, false);
      continue;  // all that is there
    }
    if (more && stop_) break;  // what it started may hold the pipe open
    open = more.has_value();
    if (!ended_ && ended()) {
      ended_ = true;
      failures_between_events.fetch_add(1, std::memory_order_relaxed);
    }
    if (!open && ended_) break;  // there is nothing more to see
    if (!open && !stop_) std::this_thread::sleep_for(std::chrono::duration<double>(period / 10));
  }
  take_lines(text, true);
  if (const auto left_out = printed_limit_.take_left_out(); left_out > 0)
    log::warning(file_.note.id + ": " + std::to_string(left_out) + " more printed lines are left out");
}

void PluginProcess::take_lines(std::string& text, bool rest) {
  std::size_t begin = 0;
  for (std::size_t end; begin < text.size(); begin = end + 1) {
    end = text.find('\n', begin);
    if (end == text.npos && !rest && text.size() - begin < longest_line) break;
    end = std::min(end, text.size());
    const auto [write, left_out] = printed_limit_.next();
    if (left_out > 0)
      log::warning(file_.note.id + ": " + std::to_string(left_out) + " more printed lines are left out");
    if (write && end > begin) log::info(file_.note.id + " printed: " + text.substr(begin, end - begin));
  }
  text.erase(0, std::min(begin, text.size()));
}

Error PluginProcess::lost(const std::string& where) {
  std::optional<std::string> how;
  {
    const std::lock_guard lock(process_mutex_);
    how = process_->wait(seconds_to_end);
    if (!how) process_->kill();
  }
  ended_ = true;
  return {ErrorKind::run, error_id::isolation_ended, where + ": " + how_it_ended(how, isolation_)};
}

std::optional<Failure> PluginProcess::take_failure() {
  const std::lock_guard lock(mutex_);
  return std::exchange(failure_, std::nullopt);
}

json::object PluginProcess::last_state() {
  const std::lock_guard lock(mutex_);
  return state_;
}

std::string PluginProcess::close() {
  if (std::exchange(closed_, true) || gone()) return "";
  try {
    ask(What::destroy, {}, isolation_.shutdown_timeout, "");
  } catch (const Error& e) {
    return e.sentence().substr(e.sentence().starts_with(": ") ? 2 : 0);
  }
  // What it has registered for its end runs now.
  const auto begin = Clock::now();
  std::optional<std::string> how;
  while (!(how = ended()) && since(begin) < isolation_.timeout)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  if (how && how->empty()) return "";
  end();
  return how ? how_it_ended(how, isolation_) : "its process did not end within " + seconds_text(isolation_.timeout);
}

}  // namespace trainer::isolation
