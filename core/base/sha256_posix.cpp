// SPDX-License-Identifier: Apache-2.0
#include "base/sha256.hpp"

#include <openssl/evp.h>

#include "base/text.hpp"
#include "trainer/error.hpp"

namespace trainer {
namespace {

EVP_MD_CTX* context_of(void* given) { return static_cast<EVP_MD_CTX*>(given); }

void require(bool done) {
  if (!done) throw_run(error_id::process_failed, "OpenSSL could not compute a SHA-256; look at its configuration");
}

}  // namespace

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  require(context_ && EVP_DigestInit_ex(context_of(context_), EVP_sha256(), nullptr) == 1);
}

Sha256::~Sha256() { EVP_MD_CTX_free(context_of(context_)); }

void Sha256::add(std::string_view bytes) {
  require(EVP_DigestUpdate(context_of(context_), bytes.data(), bytes.size()) == 1);
}

std::string Sha256::hex() {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  require(EVP_DigestFinal_ex(context_of(context_), digest, &size) == 1);
  return hexadecimal(digest, size);
}

}  // namespace trainer
