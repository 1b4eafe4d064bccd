// SPDX-License-Identifier: Apache-2.0
#include "ranks/engine_failure.hpp"

#include <c10/util/Exception.h>
#include <c10/util/Logging.h>

#include <functional>
#include <string_view>

#include "base/process.hpp"
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
  text = text.substr(0, text.find('\n'));
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

bool is_timeout(const std::string& text) {
  return text.find("imed out") != text.npos || text.find("imeout") != text.npos;
}

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
  throw_run(error_id::ranks_unreachable,
            rank_text(ranks) + " found no way to rank 0 at " + meeting_place(ranks) + " within " + in_seconds(timeout) +
                ": " + reason + "; see that rank 0 runs, and that MASTER_ADDR and MASTER_PORT are the same for all");
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
  throw_unreachable(ranks, timeout, text);
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
  if (missing.empty())
    throw_run(is_timeout(text) ? error_id::ranks_timeout : error_id::ranks_lost,
              own + " lost the other ranks in " + call + ": " + text + remedy);
  const std::string who = roll_call.names_of(missing);
  if (is_timeout(text))
    throw_run(error_id::ranks_timeout, who + " did not come to " + call + " of " + own + " within " +
                                           in_seconds(timeout) +
                                           " (ddp_timeout): " + "stopped, cut off, or slower than that" + remedy);
  throw_run(error_id::ranks_lost, who + (missing.size() == 1 ? " is gone, " : ", or one of these, is gone, ") + own +
                                      " found in " + call + "; its own last lines may say why" + remedy);
}

}  // namespace trainer
