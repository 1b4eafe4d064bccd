// SPDX-License-Identifier: Apache-2.0
//
// message.hpp - what goes to an HTTP server and comes back, and how.
#pragma once

#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace trainer::plugins::http {

/// There was no answer: the sentence has the address and the library's reason.
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
  std::string client_cert;      ///< PEM with certificate and key; on Windows PKCS #12 (.pfx), without a password
  bool insecure_tls = false;    ///< any certificate will do
  std::string user_agent = "libtrainer";
};

/// What a server said, without the passwords and tokens that it was given and repeats.
std::string without_secrets(std::string text, const Options& options);

struct Header {
  std::string name, value;
};

struct Request {
  std::string method = "GET";
  std::string url;
  std::vector<Header> headers;
  std::string body;
  std::shared_ptr<std::FILE> file = nullptr;  ///< instead of the body: streamed from its start, never in memory
};

struct Response {
  int status = 0;
  std::vector<Header> headers;
  std::string body;

  /// Empty when there is none of that name; the case of letters does not matter.
  std::string_view header(std::string_view name) const;
};

}  // namespace trainer::plugins::http
