// SPDX-License-Identifier: Apache-2.0
//
// Posts to the status server from a thread of its own: the trainer never waits but at the very end.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "shared/http/client.hpp"

namespace trainer::kubeflow {

struct Settings {
  std::string url, token_file, ca_file;
};

class Poster {
 public:
  using Say = std::function<void(const std::string&)>;

  /// `say` gets what went wrong, from the thread.
  Poster(Settings settings, Say say);
  ~Poster();
  Poster(const Poster&) = delete;
  Poster& operator=(const Poster&) = delete;

  /// Leaves the body for the thread, in place of one that has not been sent yet.
  void post(std::string body);
  /// Waits until the last body is sent or has failed, at most `seconds`.
  void wait(double seconds);

 private:
  void loop();
  void send(const std::string& body);
  std::string token();

  const Settings settings_;
  const Say say_;
  plugins::http::Client client_;
  std::string token_;  // of the thread, as the time it was read at
  double token_time_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<std::string> next_;
  bool sending_ = false, stop_ = false;
  std::thread thread_;
};

}  // namespace trainer::kubeflow
