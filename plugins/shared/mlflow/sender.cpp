// SPDX-License-Identifier: Apache-2.0
//
// The thread that sends all journals, new and left over.
#include "shared/mlflow/sender.hpp"

#include <algorithm>
#include <random>
#include <trainer/sdk/path.hpp>

#include "child/threads.hpp"
#include "shared/system/process.hpp"

namespace trainer::plugins::mlflow {
namespace {

// Between two requests while the run goes on: what is logged meanwhile goes out together.
constexpr double pause = 1;
// The longest rest from a server that fails, so that it is noticed when it is back.
constexpr double longest_rest = 30;
// For one that does not answer, at the end of the run.
constexpr double short_wait = 5;

}  // namespace

Sender::Sender(const Settings& settings, Reporter report)
    : settings_(settings), report_(std::move(report)), api_(settings) {
  thread_ = child::start_thread("that sends to MLflow", [this] { run(); });
}

Delivery& Sender::add(std::unique_ptr<Delivery> delivery) {
  const std::lock_guard lock(mutex_);
  Delivery& added = *deliveries_.emplace_back(std::move(delivery));
  woken_ = true;
  changed_.notify_all();
  return added;
}

void Sender::notify() {
  const std::lock_guard lock(mutex_);
  if (woken_) return;
  woken_ = true;
  changed_.notify_all();
}

void Sender::run() {
  block_signals_of_this_thread();
  bool closing = false;
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return woken_ || closing_; });
      woken_ = false;
      if (closing_ && !closing) {
        closing = true;
        interrupt_.reset();
        auto& connect = api_.client().options().connect_timeout;
        connect = std::min(connect, short_wait);
      }
    }
    const bool complete = !over_ && pass();
    if (over_ || (closing && complete)) break;
    if (complete && !closing) interrupt_.wait(pause);
    if (complete) continue;
    const std::lock_guard lock(mutex_);
    if (closing && closing_failures_ < 0) break;  // hopeless
    woken_ = true;                                // what failed is tried again
  }
  const std::lock_guard lock(mutex_);
  done_ = true;
  changed_.notify_all();
}

/// Sends all that there is. False after a failure, when the wait for the next try is over.
bool Sender::pass() {
  std::vector<Delivery*> all;
  bool stuck = false;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& delivery : deliveries_)
      if (!delivery->stuck && !(delivery->left_over() && delivery->finished())) all.push_back(delivery.get());
  }
  for (Delivery* delivery : all) {
    try {
      delivery->deliver(api_, report_, [this] { return over_.load(); });
      if (delivery->left_over() && delivery->finished())
        report_.info("what an earlier run had left in " + sdk::text_of(delivery->journal().path()) + " was sent to " +
                     api_.address());
    } catch (const ApiError& error) {
      return wait_after(error.what(), &error.response(), http::is_transient(error.status()), false);
    } catch (const http::Error& error) {
      if (error.kind() == http::Error::Kind::interrupted) return false;
      return wait_after(error.what(), nullptr, error.kind() != http::Error::Kind::tls,
                        error.kind() == http::Error::Kind::unreachable);
    } catch (const std::exception& error) {  // also Stuck
      delivery->stuck = stuck = true;
      last_failure_ = error.what();
      report_.warning(last_failure_ + "; the rest stays in " + sdk::text_of(delivery->journal().path()));
    }
  }
  if (failure_told_) report_.info(api_.address() + " answers again");
  failures_ = 0, failure_told_ = false, dead_ = false;
  if (!stuck) last_failure_.clear();
  return true;
}

void Sender::report_failure(const std::string& sentence, bool soon) {
  if (failure_told_ || (!soon && failures_ < 2)) return;
  failure_told_ = true;
  report_.warning(sentence + "; the run goes on, and what it logs is kept and sent when the server takes it");
}

/// `response`: null when there was none; `may_pass`: a later try has a chance by itself; `absent`:
/// nobody listens there.
bool Sender::wait_after(const std::string& sentence, const http::Response* response, bool may_pass, bool absent) {
  thread_local std::minstd_rand generator{std::random_device{}()};
  const double random = std::uniform_real_distribution<double>(0, 1)(generator);
  ++failures_;
  last_failure_ = sentence;
  if (response != nullptr && !may_pass && response->status >= 400)
    last_failure_ += response->status == 401 || response->status == 403
                         ? "; check MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or "
                           "MLFLOW_TRACKING_TOKEN"
                         : "; check MLFLOW_TRACKING_URI";
  report_failure(last_failure_, !may_pass);
  dead_ = response == nullptr;
  double rest = longest_rest;
  if (failures_ <= settings_.retry.retries && may_pass)
    rest = settings_.retry.delay(failures_, random, response);
  else if (response != nullptr)
    rest = std::max(rest, http::retry_after(response->header("Retry-After"), std::chrono::system_clock::now()));
  if (!response || response->header("Retry-After").empty()) rest = std::min(rest, longest_rest);

  bool closing;
  {
    const std::lock_guard lock(mutex_);
    closing = closing_;
  }
  if (closing) {
    // Where nobody listens there is one more try, elsewhere as many as the time allows.
    if (!may_pass || (absent && ++closing_failures_ > 1)) closing_failures_ = -1;
    if (closing_failures_ < 0) return false;
    if (response == nullptr) rest = 0.5;
  }
  interrupt_.wait(rest);
  return false;
}

void Sender::close(double wait) {
  if (!thread_.joinable()) return;
  std::unique_lock lock(mutex_);
  closing_ = true;
  changed_.notify_all();
  interrupt_.trigger();
  // Whether it answers may change while we wait.
  const auto begin = std::chrono::steady_clock::now();
  const std::chrono::duration<double> long_limit(wait), short_limit(std::min(wait, short_wait));
  while (!done_ && std::chrono::steady_clock::now() - begin < (dead_ ? short_limit : long_limit))
    changed_.wait_for(lock, std::chrono::milliseconds(50));
  if (!done_) {
    over_ = true;
    api_.client().interrupt();
    interrupt_.trigger();
    changed_.notify_all();
  }
  lock.unlock();
  thread_.join();
}

std::vector<Delivery*> Sender::unfinished() {
  std::vector<Delivery*> out;
  for (const auto& delivery : deliveries_)
    if (!delivery->finished()) out.push_back(delivery.get());
  return out;
}

}  // namespace trainer::plugins::mlflow
