// SPDX-License-Identifier: Apache-2.0
#include "isolation/plugin_process.hpp"

#include <algorithm>
#include <chrono>

#include "isolation/event_record.hpp"
#include "isolation/plugin_answers.hpp"
#include "isolation/words.hpp"
#include "state/moment.hpp"
#include "trainer/log.hpp"

namespace trainer::isolation {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double seconds_to_end = 4;    // that it may take to end what the plugin has started
constexpr double seconds_to_say = 0.2;  // how it ended, once its stream is closed
constexpr double period = 0.1;          // in which the process is looked at

double since(Clock::time_point begin) { return std::chrono::duration<double>(Clock::now() - begin).count(); }

}  // namespace

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

std::string PluginProcess::ask(What what, std::string_view question, double seconds, const std::string& where) {
  if (gone()) throw lost(where);
  const bool starts = what == What::load || what == What::available || what == What::create;
  if (starts) seconds = std::max(seconds, least_start_seconds);
  const std::uint64_t id = ++last_id_;
  message_.clear();
  Writer out(message_);
  out.put(Message::question), out.put(id), out.put(ring_.written()), out.put(what);
  message_ += question;
  if (!connection_->send(message_, true))
    throw_run(error_id::callback_failed, where + ": what it would get is too long: " + too_long(message_.size()));
  auto begin = Clock::now();
  for (bool told = false;;) {
    const auto message = connection_->receive(std::clamp(seconds - since(begin), 0.0, period));
    if (message) try {
        mail_.taken(message->size());
        Reader in(*message);
        if (in.get<Message>() == Message::request) {
          const auto served = Clock::now();
          serve(in.rest(), what == What::event);
          begin += Clock::now() - served;  // what the trainer takes is not the plugin's
        } else {
          if (in.get<std::uint64_t>() != id) throw BadBytes();
          if (in.get<std::uint32_t>() != 0) return std::string(in.rest());
          throw read_error(in, where);
        }
      } catch (const BadBytes& e) {
        answered_with(e.what(), where);
      }
    else if (gone())
      throw lost(where);
    const double passed = since(begin);
    if (passed >= seconds) was_silent(seconds, starts, where);
    if (passed > 5 && !told && seconds > isolation_.timeout) {
      log::info("waiting for " + file_.note.id + ", at most " + seconds_text(seconds));
      told = true;
    }
  }
}

void PluginProcess::serve(std::string_view request, bool within_event) {
  message_.clear();
  Writer(message_).put(Message::reply);
  services_.answer(request, within_event, message_);
  if (!connection_->send(message_)) throw BadBytes();  // it asks on and on, and reads no answer
}

void PluginProcess::answered_with(const std::string& what, const std::string& where) {
  throw end_for(error_id::isolation_ended, "its process answered with " + what + ", and was ended", where);
}

void PluginProcess::was_silent(double seconds, bool starts, const std::string& where) {
  throw end_for(error_id::isolation_silent,
                "its process gave no answer within " + seconds_text(seconds) + " and was ended; raise its \"" +
                    (seconds > isolation_.timeout && !starts ? "shutdown_timeout" : "timeout") + "\" if it needs more",
                where);
}

Error PluginProcess::end_for(ErrorId id, const std::string& cause, const std::string& where) {
  end();
  if (!told_end_) told_end_ = {id, cause};
  return lost(where);
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
    if (gone()) throw lost(where);
    if (!ring_.look(taken)) answered_with("a place in its queue of events that cannot be", where);
    if (taken != before) before = taken, moved = Clock::now();
    if (since(moved) < isolation_.timeout) continue;
    throw end_for(error_id::isolation_silent,
                  "its process has taken no event for " + seconds_text(isolation_.timeout) +
                      " and was ended; raise its \"timeout\" if it needs more",
                  where);
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

// Of one that has gone; nothing: it has only closed its stream.
std::optional<std::string> PluginProcess::wait_for_end() {
  const std::lock_guard lock(process_mutex_);
  auto how = process_->wait(seconds_to_say);
  if (!how) {
    process_->stop(seconds_to_end);
    // Who looks after it may have been busy with what it had started, and still says how it ended by itself.
    if (how = process_->ended(); how == "signal 9" || how == "exit status 1") how.reset();
  }
  ended_ = true;
  return how;
}

Error PluginProcess::lost(const std::string& where) {
  if (!told_end_ && connection_->nonsense())
    return end_for(error_id::isolation_ended, std::string("its process sent ") + BadBytes().what() + ", and was ended",
                   where);
  if (!told_end_) told_end_ = {error_id::isolation_ended, how_it_ended(wait_for_end(), isolation_)};
  return {ErrorKind::run, told_end_->id, where + ": " + told_end_->cause};
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
