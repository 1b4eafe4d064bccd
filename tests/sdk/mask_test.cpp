// SPDX-License-Identifier: Apache-2.0
//
// What of an address may be read by everybody.
#include <cstdint>

#include "trainer/sdk/mask.hpp"

#include <gtest/gtest.h>

#include <trainer/sdk.hpp>

namespace trainer::sdk {
namespace {

TEST(Mask, HidesWhatIsSecretInAnAddress) {
  const std::pair<const char*, const char*> cases[] = {
      {"", ""},
      {"http://host", "http://host"},
      {"https://host:5000/a/b", "https://host:5000/a/b"},
      {"http://[::1]:5000/a@b", "http://[::1]:5000/a@b"},
      {"http://host/@me/b", "http://host/@me/b"},
      {"http://me:secret@host:1/a", "http://<USER>:<PASSWORD>@host:1/a"},
      {"http://me:se@cr:et@host", "http://<USER>:<PASSWORD>@host"},
      {"http://me:se/cr?e#t@host/a", "http://<USER>:<PASSWORD>@host/a"},
      {"http://secret@host", "http://<USER>@host"},
      {"http://host?token=secret", "http://host?token=<TOKEN>"},
      {"http://host/a?x-key=secret&n=1;empty=&secret", "http://host/a?x-key=<X_KEY>&n=<N>;empty=&<QUERY>"},
      {"http://host/a?a=b=c?d", "http://host/a?a=<A>"},
      {"http://host/#secret?a", "http://host/#<FRAGMENT>"},
      {"http://host/?a=b#secret", "http://host/?a=<A>#<FRAGMENT>"},
      {"http://host/#", "http://host/#"},
      {"postgresql://me:secret@host/db", "postgresql://<USER>:<PASSWORD>@host/db"},
      {"sqlite:////a/b.db", "sqlite:////a/b.db"},
      {"me:secret@host:80/a", "<USER>:<PASSWORD>@host:80/a"},
      {"host:80/a?token=secret", "host:80/a?token=<TOKEN>"}};
  for (const auto& [url, expected] : cases) EXPECT_EQ(masked_url(url), expected);
}

TEST(Mask, FindsAddressesInSentences) {
  EXPECT_EQ(masked("no address: a@b, c?d=e"), "no address: a@b, c?d=e");
  EXPECT_EQ(masked("GET http://h/?token=secret got no answer; see https://me:pw@h/a, or \"http://h?b=c\"."),
            "GET http://h/?token=<TOKEN> got no answer; see https://<USER>:<PASSWORD>@h/a, or \"http://h?b=<B>\".");
  EXPECT_EQ(masked("(http://h/?a=secret); http://h/?a=secret: no, "), "(http://h/?a=<A>); http://h/?a=<A>: no, ");
  EXPECT_EQ(masked("://"), "://");
  EXPECT_EQ(masked("retries exceeded with url: /?token=secret/api (/a/b?c=secret), /a/b"),
            "retries exceeded with url: /?token=<TOKEN> (/a/b?c=<C>), /a/b");
  EXPECT_EQ(masked(" two  blanks\n\tand marks... "), " two  blanks\n\tand marks... ");
}

TEST(Mask, IsWhatAPluginSaysThrough) {
  trainer_host host{};
  struct Heard {
    static std::string& text() {
      static std::string all;
      return all;
    }
    static void TRAINER_CALL log(const trainer_host*, std::uint32_t, const char* line, std::uint64_t size) {
      text() += std::string(line, size) + "|";
    }
    static void TRAINER_CALL error(const trainer_host*, const char* line, std::uint64_t size) {
      text() += std::string(line, size);
    }
  };
  host.log = &Heard::log;
  host.set_error = &Heard::error;
  const int32_t status = guarded(&host, [&] {
    Host(&host).warning("see http://h/?token=secret");
    throw std::runtime_error("http://me:secret@h failed");
  });
  EXPECT_EQ(status, TRAINER_ERROR);
  EXPECT_EQ(Heard::text(), "see http://h/?token=<TOKEN>|http://<USER>:<PASSWORD>@h failed");
}

}  // namespace
}  // namespace trainer::sdk
