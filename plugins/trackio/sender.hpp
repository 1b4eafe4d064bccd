// SPDX-License-Identifier: Apache-2.0
//
// Rows on their way to a Trackio server, from a thread of its own. Each is in an inbox fragment
// already; the fragment goes when the server has it.
#pragma once

#include <condition_variable>
#include <deque>
#include <filesystem>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "shared/http/client.hpp"
#include "shared/http/retry.hpp"

namespace trainer::trackio {

struct Server {
  std::string url;    ///< its base, without the token
  std::string token;  ///< for x-trackio-write-token
};

/// Takes write_token out of the URL's query, as trackio does. Throws std::invalid_argument for what
/// is no http(s) URL, or when there is no token.
Server parse_server(const std::string& url, const std::string& token);

class Sender {
 public:
  using Warn = std::function<void(const std::string&)>;

  /// `warn` is called from the thread.
  Sender(Server server, Warn warn);
  ~Sender();
  Sender(const Sender&) = delete;
  Sender& operator=(const Sender&) = delete;

  void add(std::string record, std::filesystem::path fragment);
  /// Waits until all is sent, at most `seconds`; gives how many rows are not.
  std::size_t flush(double seconds);

 private:
  struct Row {
    std::string record;
    std::filesystem::path fragment;
  };
  void loop();
  /// Empty, or what went wrong; `final` when trying again is of no use. Without the lock.
  std::string send(const std::string& body, bool& final);

  const Server server_;
  const Warn warn_;
  plugins::http::Client client_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Row> rows_;  // the first are those that the server is being given
  bool stop_ = false, refused_ = false, warned_ = false;
  int failures_ = 0;
  std::thread thread_;
};

}  // namespace trainer::trackio
