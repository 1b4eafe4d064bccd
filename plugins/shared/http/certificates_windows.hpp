// SPDX-License-Identifier: Apache-2.0
//
// Certificates from files, where WinHTTP knows the system's stores only.
#pragma once

#include <string>

#include "shared/system/windows.hpp"

#include <wincrypt.h>

namespace trainer::plugins::http {

/// The authorities of a file of PEM blocks, or of all files of a directory; they alone count. Throws Error.
class Authorities {
 public:
  explicit Authorities(const std::string& path);
  ~Authorities();
  Authorities(const Authorities&) = delete;
  Authorities& operator=(const Authorities&) = delete;

  /// Whether a chain leads from the server's certificate to one of them. That it is for the host's name, WinHTTP looks
  /// at.
  bool vouch_for(const CERT_CONTEXT* server) const;

 private:
  HCERTSTORE store_ = nullptr;
  HCERTCHAINENGINE engine_ = nullptr;
};

/// A certificate with its key, of a file of PKCS #12 without a password. Throws Error.
class ClientCertificate {
 public:
  explicit ClientCertificate(const std::string& path);
  ~ClientCertificate();
  ClientCertificate(const ClientCertificate&) = delete;
  ClientCertificate& operator=(const ClientCertificate&) = delete;
  const CERT_CONTEXT* get() const { return certificate_; }

 private:
  HCERTSTORE store_ = nullptr;
  const CERT_CONTEXT* certificate_ = nullptr;
};

}  // namespace trainer::plugins::http
