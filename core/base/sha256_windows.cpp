// SPDX-License-Identifier: Apache-2.0
#include "base/windows.hpp"

#include <bcrypt.h>

#include <algorithm>

#include "base/sha256.hpp"
#include "base/text.hpp"
#include "trainer/error.hpp"

namespace trainer {
namespace {

void require(NTSTATUS status) {
  if (status < 0)
    throw_run(error_id::process_failed, "Windows could not compute a SHA-256 (bcrypt.dll); look at its event log");
}

}  // namespace

Sha256::Sha256() {
  static const BCRYPT_ALG_HANDLE algorithm = [] {
    BCRYPT_ALG_HANDLE handle = nullptr;
    require(::BCryptOpenAlgorithmProvider(&handle, BCRYPT_SHA256_ALGORITHM, nullptr, 0));
    return handle;
  }();
  require(::BCryptCreateHash(algorithm, &context_, nullptr, 0, nullptr, 0, 0));
}

Sha256::~Sha256() { ::BCryptDestroyHash(context_); }

void Sha256::add(std::string_view bytes) {
  constexpr std::size_t most = std::size_t{1} << 30;
  for (; !bytes.empty(); bytes.remove_prefix(std::min(bytes.size(), most)))
    require(::BCryptHashData(context_, reinterpret_cast<UCHAR*>(const_cast<char*>(bytes.data())),
                             static_cast<ULONG>(std::min(bytes.size(), most)), 0));
}

std::string Sha256::hex() {
  unsigned char digest[32];
  require(::BCryptFinishHash(context_, digest, sizeof digest, 0));
  return hexadecimal(digest, sizeof digest);
}

}  // namespace trainer
