// SPDX-License-Identifier: Apache-2.0
//
// client.hpp - HTTP requests, one at a time, over libcurl, on Windows over WinHTTP.
//
//   http::Options options;
//   options.bearer = token;
//   http::Client client(options);
//   http::Request request{"POST", "https://host/path", {{"Content-Type", "application/json"}}, "{}"};
//   http::Response response = client.send(request);  // any status; Error when there is no answer
//
// One thread per object, but for interrupt(). Proxies are those of http_proxy, https_proxy and NO_PROXY; on Windows,
// without them, the system's.
#pragma once

#include <atomic>
#include <string>
#include <string_view>

#include "shared/http/message.hpp"

namespace trainer::plugins::http {

/// Empty, or the sentence that says that libcurl is missing and how to install it. For `available`.
std::string library_problem();

class Client {
 public:
  explicit Client(Options options);  ///< throws Error when the library does not start
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  ~Client();

  /// Redirects are not followed: a server that moved says so in its status. The answer's body is
  /// cut at 16 MiB.
  Response send(const Request& request);

  /// Ends the send() that is under way and those to come, within a second; from any thread.
  void interrupt() { interrupted_ = true; }
  void resume() { interrupted_ = false; }

  Options& options() { return options_; }  ///< of the requests to come

 private:
  Options options_;
  void* handle_ = nullptr;
  std::atomic<bool> interrupted_{false};
};

/// The text as one segment of a path or one value of a query: all but A-Za-z0-9-._~ as %XX.
std::string percent_encode(std::string_view text, std::string_view keep = {});

}  // namespace trainer::plugins::http
