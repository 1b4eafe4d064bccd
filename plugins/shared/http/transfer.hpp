// SPDX-License-Identifier: Apache-2.0
//
// transfer.hpp - one request on its way through libcurl, and its answer.
#pragma once

#include <atomic>
#include <cstdio>
#include <memory>
#include <string>

#include "shared/http/curl_library.hpp"
#include "shared/http/message.hpp"

namespace trainer::plugins::http {

/// Holds what curl is told to read and write; what it is made from must outlive it.
class Transfer {
 public:
  /// Throws Error when there is no memory, or the file cannot be read.
  Transfer(void* handle, const Options& options, std::atomic<bool>& interrupted, const Request& request);
  Transfer(const Transfer&) = delete;  // curl knows its address
  Transfer& operator=(const Transfer&) = delete;

  /// Once. Throws Error when there is no answer.
  Response perform();

 private:
  struct FreeList {
    void operator()(curl_slist* list) const { CurlLibrary::get().slist_free_all(list); }
  };

  template <typename Value>
  void set(CURLoption option, Value value);
  void set_address();
  void set_limits();
  void set_receivers();
  void set_security();
  void set_headers();
  void add_header(const std::string& line);
  void set_body();
  void set_file(std::FILE* file);
  bool has_password() const { return !options_.user.empty() && !options_.password.empty(); }

  const CurlLibrary& curl_ = CurlLibrary::get();
  void* const handle_;
  const Options& options_;
  std::atomic<bool>& interrupted_;
  const Request& request_;
  Response response_;
  char reason_[CURL_ERROR_SIZE] = "";
  std::unique_ptr<curl_slist, FreeList> headers_;
};

}  // namespace trainer::plugins::http
