// SPDX-License-Identifier: Apache-2.0
//
// Stores in memory, and an engine of chains whose only roots are those of a store.
#include "shared/http/certificates_windows.hpp"

#include <cstddef>
#include <filesystem>
#include <trainer/sdk/path.hpp>
#include <vector>

#include "shared/http/message.hpp"
#include "shared/system/files.hpp"

namespace trainer::plugins::http {
namespace {

constexpr std::string_view begin_mark = "-----BEGIN CERTIFICATE-----", end_mark = "-----END CERTIFICATE-----";

std::string contents(const std::filesystem::path& path) {
  std::error_code error;
  auto bytes = read_file(path, error);
  if (!bytes)
    throw Error(sdk::text_of(path) + " could not be read: " + error.message() + "; check the path", Error::Kind::tls);
  return std::move(*bytes);
}

/// How many certificates of the text are now in the store.
int add_certificates(HCERTSTORE store, std::string_view text) {
  int count = 0;
  for (std::size_t at = 0; (at = text.find(begin_mark, at)) != text.npos; at += begin_mark.size()) {
    const std::size_t end = text.find(end_mark, at);
    if (end == text.npos) break;
    const std::string_view block = text.substr(at, end + end_mark.size() - at);
    const auto size = static_cast<DWORD>(block.size());
    DWORD bytes = size;
    std::vector<BYTE> decoded(bytes);
    if (::CryptStringToBinaryA(block.data(), size, CRYPT_STRING_BASE64HEADER, decoded.data(), &bytes, nullptr,
                               nullptr) &&
        ::CertAddEncodedCertificateToStore(store, X509_ASN_ENCODING, decoded.data(), bytes, CERT_STORE_ADD_ALWAYS,
                                           nullptr))
      ++count;
  }
  return count;
}

}  // namespace

Authorities::Authorities(const std::string& path) : store_(::CertOpenStore(CERT_STORE_PROV_MEMORY, 0, 0, 0, nullptr)) {
  const std::filesystem::path named = sdk::path_of(path);
  std::error_code error;
  int count = 0;
  if (std::filesystem::is_directory(named, error)) {
    for (const auto& entry : std::filesystem::directory_iterator(named, error))
      if (entry.is_regular_file(error)) count += add_certificates(store_, contents(entry.path()));
  } else {
    count = add_certificates(store_, contents(named));
  }
  CERT_CHAIN_ENGINE_CONFIG config{};
  config.cbSize = offsetof(CERT_CHAIN_ENGINE_CONFIG, dwExclusiveFlags);  // as in Windows 7
  config.hExclusiveRoot = store_;
  if (count == 0 || !::CertCreateCertificateChainEngine(&config, &engine_)) {
    ::CertCloseStore(store_, 0);
    throw Error(path + " has no certificate that can be read; expected PEM, with the line " + std::string(begin_mark),
                Error::Kind::tls);
  }
}

Authorities::~Authorities() {
  ::CertFreeCertificateChainEngine(engine_);
  ::CertCloseStore(store_, 0);
}

bool Authorities::vouch_for(const CERT_CONTEXT* server) const {
  CERT_CHAIN_PARA wanted{};
  wanted.cbSize = sizeof wanted;
  char server_usage[] = szOID_PKIX_KP_SERVER_AUTH;
  char* usages[] = {server_usage};
  wanted.RequestedUsage.dwType = USAGE_MATCH_TYPE_AND;
  wanted.RequestedUsage.Usage = {1, usages};
  const CERT_CHAIN_CONTEXT* chain = nullptr;
  if (!::CertGetCertificateChain(engine_, server, nullptr, server->hCertStore, &wanted, 0, nullptr, &chain))
    return false;
  const bool good = chain->TrustStatus.dwErrorStatus == CERT_TRUST_NO_ERROR;
  ::CertFreeCertificateChain(chain);
  return good;
}

ClientCertificate::ClientCertificate(const std::string& path) {
  std::string bytes = contents(sdk::path_of(path));
  CRYPT_DATA_BLOB blob{static_cast<DWORD>(bytes.size()), reinterpret_cast<BYTE*>(bytes.data())};
  store_ = ::PFXImportCertStore(&blob, L"", PKCS12_NO_PERSIST_KEY);
  if (store_ != nullptr)
    certificate_ =
        ::CertFindCertificateInStore(store_, X509_ASN_ENCODING, 0, CERT_FIND_HAS_PRIVATE_KEY, nullptr, nullptr);
  if (certificate_ != nullptr) return;
  if (store_ != nullptr) ::CertCloseStore(store_, 0);
  throw Error(
      path +
          " is not a client certificate that Windows accepts; convert it to PKCS #12 without a password: openssl "
          "pkcs12 -export -in " +
          path + " -passout pass: -out client.pfx",
      Error::Kind::tls);
}

ClientCertificate::~ClientCertificate() {
  ::CertFreeCertificateContext(certificate_);
  ::CertCloseStore(store_, 0);
}

}  // namespace trainer::plugins::http
