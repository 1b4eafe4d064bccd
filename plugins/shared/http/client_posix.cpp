// SPDX-License-Identifier: Apache-2.0
//
// Requests by libcurl.
#include "shared/http/client.hpp"

#include "shared/http/curl_library.hpp"
#include "shared/http/transfer.hpp"

namespace trainer::plugins::http {

std::string library_problem() { return CurlLibrary::get().problem; }

Client::Client(Options options) : options_(std::move(options)) {
  const CurlLibrary& curl = CurlLibrary::get();
  if (!curl.problem.empty()) throw Error(curl.problem, Error::Kind::other);
  handle_ = curl.easy_init();
  if (handle_ == nullptr) throw Error("libcurl gave no handle: no memory", Error::Kind::other);
}

Client::~Client() { CurlLibrary::get().easy_cleanup(handle_); }

Response Client::send(const Request& request) { return Transfer(handle_, options_, interrupted_, request).perform(); }

}  // namespace trainer::plugins::http
