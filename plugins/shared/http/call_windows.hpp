// SPDX-License-Identifier: Apache-2.0
//
// One request on its way through WinHTTP, and its answer.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>

#include "shared/http/certificates_windows.hpp"
#include "shared/http/message.hpp"

#include <winhttp.h>

namespace trainer::plugins::http {

/// One of WinHTTP's handles; closed once, by whichever thread comes first.
class Internet {
 public:
  Internet() = default;
  ~Internet() { close(); }
  Internet(const Internet&) = delete;
  Internet& operator=(const Internet&) = delete;
  void set(HINTERNET handle) { handle_ = handle; }
  HINTERNET get() const { return handle_; }
  void close() {
    if (const HINTERNET handle = handle_.exchange(nullptr)) ::WinHttpCloseHandle(handle);
  }

 private:
  std::atomic<HINTERNET> handle_{nullptr};
};

/// WinHTTP works on threads of its own, and tells by an event when a step is done: so a wait can end when it is
/// interrupted. What it is made from must outlive it.
class Call {
 public:
  /// Of a session that is asynchronous.
  Call(HINTERNET session, const Options& options, std::atomic<bool>& interrupted, const Request& request);
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;
  ~Call();

  /// Once. Throws Error when there is no answer.
  Response perform();

 private:
  static void CALLBACK notice(HINTERNET handle, DWORD_PTR call, DWORD what, void* information, DWORD size);
  void take_notice(DWORD what, void* information, DWORD size);
  void check_server();
  bool open();  ///< whether the connection is to be a secure one
  void set_security();
  void set_headers();
  void set_header(const std::string& line);
  std::uint64_t body_size() const;
  void send();
  void send_file();
  void receive(Response& response);
  void receive_headers(Response& response);
  /// Waits for the step that was begun; `begun` is what the function said.
  void finish(BOOL begun, double seconds);
  [[noreturn]] void fail(DWORD error) const;

  const HINTERNET session_;
  const Options& options_;
  std::atomic<bool>& interrupted_;
  const Request& request_;
  std::optional<Authorities> authorities_;
  std::optional<ClientCertificate> client_certificate_;
  windows::Handle done_, closed_;
  Internet connection_, handle_;
  bool tells_ = false;  ///< that handle_ is closed
  // Of the last step, written before done_ is set.
  DWORD error_ = 0, size_ = 0;
  std::atomic<bool> distrusted_{false};
};

}  // namespace trainer::plugins::http
