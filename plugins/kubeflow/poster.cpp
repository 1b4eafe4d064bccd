// SPDX-License-Identifier: Apache-2.0
//
// The thread that posts the newest status with the pod's token.
#include "poster.hpp"

#include <chrono>
#include <fstream>
#include <sstream>
#include <trainer/sdk/path.hpp>

#include "child/threads.hpp"
#include "shared/system/clock.hpp"

namespace trainer::kubeflow {
namespace {

namespace http = plugins::http;

constexpr double request_limit = 5;     // seconds, as in transformers
constexpr double token_lifetime = 300;  // seconds until the file is read again, as in transformers

http::Options options(const Settings& settings) {
  http::Options options;
  options.timeout = options.connect_timeout = request_limit;
  options.ca_file = settings.ca_file;
  return options;
}

}  // namespace

Poster::Poster(Settings settings, Say say)
    : settings_(std::move(settings)), say_(std::move(say)), client_(options(settings_)) {
  thread_ = child::start_thread("that sends to Kubeflow", [this] { loop(); });
}

Poster::~Poster() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  client_.interrupt();
  changed_.notify_all();
  thread_.join();
}

void Poster::post(std::string body) {
  const std::lock_guard lock(mutex_);
  next_ = std::move(body);
  changed_.notify_all();
}

void Poster::wait(double seconds) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, std::chrono::duration<double>(seconds), [&] { return !next_ && !sending_; });
}

void Poster::loop() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return stop_ || next_; });
    if (stop_) return;
    const std::string body = std::move(*next_);
    next_.reset();
    sending_ = true;
    lock.unlock();
    send(body);
    lock.lock();
    sending_ = false;
    changed_.notify_all();
  }
}

void Poster::send(const std::string& body) {
  try {
    const std::string bearer = token();
    if (bearer.empty())
      return say_("no status is sent: no token in \"" + settings_.token_file +
                  "\"; KUBEFLOW_TRAINER_SERVER_TOKEN names its file");
    client_.options().bearer = bearer;
    const http::Response response = client_.send({"POST", settings_.url, {{"Content-Type", "application/json"}}, body});
    if (response.status != 200)
      say_(settings_.url + " answered " + std::to_string(response.status) +
           " to a status; the next "
           "one is sent anyway");
  } catch (const std::exception& e) {
    say_(e.what());
  }
}

std::string Poster::token() {
  const double now = plugins::monotonic_seconds();
  if (!token_.empty() && now - token_time_ < token_lifetime) return token_;
  std::ifstream in(sdk::path_of(settings_.token_file));
  std::stringstream all;
  if (in) all << in.rdbuf();
  const std::string text = all.str();
  const std::size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == text.npos) return {};
  token_ = text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
  token_time_ = now;
  return token_;
}

}  // namespace trainer::kubeflow
