// SPDX-License-Identifier: Apache-2.0
//
// client.hpp - HTTP requests, one at a time, over libcurl.
//
//   http::Options options;
//   options.bearer = token;
//   http::Client client(options);
//   http::Request request{"POST", "https://host/path", {{"Content-Type", "application/json"}},
//   "{}"}; http::Response response = client.send(request);   // any status; Error when there is no
//   answer
//
// One thread per object, but for interrupt(). Proxies are curl's own affair: http_proxy,
// https_proxy, NO_PROXY.
#pragma once

#include <atomic>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace trainer::plugins::http {

/// Empty, or the sentence that says that libcurl is missing and how to install it. For `available`.
std::string library_problem();

/// There was no answer: the sentence has the address and curl's reason.
class Error : public std::runtime_error {
 public:
  enum class Kind { unreachable, timeout, tls, interrupted, other };
  Error(const std::string& sentence, Kind kind) : std::runtime_error(sentence), kind_(kind) {}
  Kind kind() const { return kind_; }

 private:
  Kind kind_;
};

struct Options {
  double timeout = 120;         ///< seconds without a byte in either direction
  double connect_timeout = 30;  ///< seconds
  std::string user, password;   ///< Basic, when both are given; goes before `bearer`
  std::string bearer;           ///< a token
  std::string ca_file;          ///< a file or a directory of certificates; the system's when empty
  std::string client_cert;      ///< PEM with certificate and key
  bool insecure_tls = false;    ///< any certificate will do
  std::string user_agent = "libtrainer";
};

struct Header {
  std::string name, value;
};

struct Request {
  std::string method = "GET";
  std::string url;
  std::vector<Header> headers;
  std::string body;
  std::optional<std::filesystem::path> file;  ///< instead of the body: streamed, never in memory
};

struct Response {
  int status = 0;
  std::vector<Header> headers;
  std::string body;

  /// Empty when there is none of that name; the case of letters does not matter.
  std::string_view header(std::string_view name) const;
};

class Client {
 public:
  explicit Client(Options options);  ///< throws Error when there is no libcurl
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
