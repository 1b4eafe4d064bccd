// SPDX-License-Identifier: Apache-2.0
#include "ranks/engine_failure.hpp"

#include <c10/util/Exception.h>
#include <c10/util/Logging.h>

#include <algorithm>
#include <functional>
#include <initializer_list>
#include <string_view>

#include "base/process.hpp"
#include "ranks/master.hpp"
#include "ranks/roll_call.hpp"
#include "trainer/error.hpp"

namespace trainer {
namespace {

// The first line, without LibTorch's place in its sources.
std::string engine_text() {
  std::string text;
  try {
    throw;
  } catch (const c10::Error& e) {
    text = e.what_without_backtrace();
  } catch (const std::exception& e) {
    text = e.what();
  } catch (...) {
    text = "an exception that is not a std::exception";
  }
  text = text.substr(0, std::min(text.find('\n'), text.find(". This is typically")));
  if (text.starts_with("[") && text.find("] ") != text.npos) text.erase(0, text.find("] ") + 2);
  return text;
}

// The same; an Error of our own goes on as it is.
std::string text_of_failure() {
  try {
    throw;
  } catch (const Error&) {
    throw;
  } catch (...) {
    return engine_text();
  }
}

bool has_any(const std::string& text, std::initializer_list<const char*> words) {
  return std::any_of(words.begin(), words.end(), [&](const char* word) { return text.find(word) != text.npos; });
}

bool is_about_files(const std::string& text) { return has_any(text, {"oo many open files", "Failed to init uv loop"}); }

bool is_timeout(const std::string& text) { return has_any(text, {"imed out", "imeout"}); }

}  // namespace

void quiet_engine() {
  set_variable("TORCH_CPP_LOG_LEVEL", "FATAL", true);
  c10::initLogging();
  c10::SetStackTraceFetcher(std::function<std::string()>([] { return std::string(); }));
}

bool is_engine_failure() {
  try {
    throw;
  } catch (const c10::DistError&) {
    return true;
  } catch (const std::exception& e) {  // Gloo's own name the file of its sources
    return std::string_view(e.what()).find("/gloo/") != std::string_view::npos;
  } catch (...) {
    return false;
  }
}

static std::string in_seconds(std::chrono::seconds time) { return std::to_string(time.count()) + " s"; }

// Where all meet, and what to do when they do not.
static std::string meeting_place(const Ranks& ranks) { return ranks.master + ":" + std::to_string(ranks.port); }

void throw_unreachable(const Ranks& ranks, std::chrono::seconds timeout, const std::string& reason) {
  if (is_about_files(reason))
    throw_run(error_id::ranks_unreachable, rank_text(ranks) + " cannot open its connections to the other ranks: too " +
                                               "many open files; raise the limit (ulimit -n)");
  const bool own = ranks.rank == 0 && !ranks.agent_store;
  throw_run(error_id::ranks_unreachable,
            rank_text(ranks) + " found no way to " + (own ? "itself" : "rank 0") + " at " + meeting_place(ranks) +
                " within " + in_seconds(timeout) + ": " + reason + "; " +
                (own ? "set MASTER_ADDR to an address of its machine, the same for all ranks"
                     : "see that rank 0 runs, and that MASTER_ADDR and MASTER_PORT are the same for all"));
}

// What LibTorch's client says of a connection that it did not get names no cause, which a try of our own does.
static std::string reason_of_no_connection(const Ranks& ranks, const std::string& text) {
  if (has_any(text, {"Failed to recv", "Broken pipe", "Connection reset"}))
    return "it ended the connection, and its own last lines may say why";
  if (text.find("client socket") == text.npos) return text;
  const auto soon = std::chrono::steady_clock::now() + std::chrono::milliseconds(200);
  const std::string reason = try_listener(ranks.master, ranks.port, soon);
  return reason.empty() ? text : reason;
}

void throw_late(const Ranks& ranks, std::chrono::seconds timeout, const std::string& late) {
  throw_run(error_id::ranks_unreachable, late + " did not come to " + meeting_place(ranks) + " within " +
                                             in_seconds(timeout) + "; start all " + std::to_string(ranks.world) +
                                             " ranks, or raise ddp_timeout");
}

void rethrow_start_failure(const Ranks& ranks, std::chrono::seconds timeout) {
  const std::string text = text_of_failure();
  if (text.find("EADDRINUSE") != text.npos || text.find("address already in use") != text.npos)
    throw_usage(error_id::ranks_unreachable, rank_text(ranks) + " cannot listen at port " + std::to_string(ranks.port) +
                                                 ", which another program has; give all ranks another MASTER_PORT");
  if (text.find("Ping failed") != text.npos || text.find("alidat") != text.npos)
    throw_usage(error_id::ranks_unreachable, "something else than rank 0 answers at " + meeting_place(ranks) +
                                                 "; give all ranks another MASTER_PORT");
  throw_unreachable(ranks, timeout, reason_of_no_connection(ranks, text));
}

void rethrow_call_failure(RollCall& roll_call, const Ranks& ranks, std::chrono::seconds timeout,
                          const std::string& call) {
  const std::string text = text_of_failure();
  const auto [ended, missing] = roll_call.after_failure();
  const std::string own = "rank " + std::to_string(ranks.rank);
  const std::string remedy = "; then start all ranks again, a training with --resume_from_checkpoint";
  if (!ended.empty())
    throw_run(error_id::ranks_lost, roll_call.names_of(ended) + " ended with an error of " +
                                        (ended.size() == 1 ? "its" : "their") + " own while " + own + " was in " +
                                        call + "; fix that" + remedy);
  if (missing.empty() && is_timeout(text))
    throw_run(error_id::ranks_timeout, own + " and the other ranks waited in vain for each other, " + own + " in " +
                                           call + ", for " + in_seconds(timeout) + " (ddp_timeout): one of them was " +
                                           "stopped or cut off that long" + remedy);
  if (missing.empty())
    throw_run(error_id::ranks_lost, own + " lost the other ranks in " + call + ": " + text + "; all of them run, as " +
                                        "when one was stopped or cut off for longer than ddp_timeout, " +
                                        in_seconds(timeout) + remedy);
  const std::string who = roll_call.names_of(missing);
  if (is_timeout(text))
    throw_run(error_id::ranks_timeout, who + " did not come to " + call + " of " + own + " within " +
                                           in_seconds(timeout) +
                                           " (ddp_timeout): " + "stopped, cut off, or slower than that" + remedy);
  throw_run(error_id::ranks_lost, who + (missing.size() == 1 ? " is gone, " : ", or one of these, is gone, ") + own +
                                      " found in " + call + "; its own last lines may say why" + remedy);
}

}  // namespace trainer
