// SPDX-License-Identifier: Apache-2.0
#include "ranks/engine_failure.hpp"

#include <c10/util/Exception.h>
#include <c10/util/Logging.h>

#include <functional>
#include <string_view>

#include "base/process.hpp"
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

void rethrow_start_failure(const Ranks& ranks, std::chrono::seconds timeout) {
  const std::string text = engine_text();
  throw_run(error_id::ranks_unreachable,
            rank_text(ranks) + " found no way to the other " + std::to_string(ranks.world - 1) + " ranks by " +
                ranks.master + ":" + std::to_string(ranks.port) + " within " + std::to_string(timeout.count()) +
                " s: " + text + "; see that all are started, with the same MASTER_ADDR and MASTER_PORT");
}

void rethrow_call_failure(const Ranks& ranks, std::chrono::seconds timeout, const std::string& call) {
  try {
    throw;
  } catch (const Error&) {
    throw;
  } catch (...) {
    const std::string text = engine_text();
    if (is_timeout(text))
      throw_run(error_id::ranks_timeout, rank_text(ranks) + " waited " + std::to_string(timeout.count()) +
                                             " s in vain for another rank (" + call + "): " + text +
                                             "; one hangs, or needs more than ddp_timeout");
    throw_run(error_id::ranks_lost,
              rank_text(ranks) + " lost another rank (" + call + "): " + text + "; that one's own error says why");
  }
}

}  // namespace trainer
