// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <thread>

#include "shared/http/retry.hpp"

using namespace trainer::plugins::http;

namespace {

TEST(HttpRetry, DelaysAsMlflowsClient) {
  const RetryPolicy policy;
  EXPECT_EQ(policy.delay(1, 0, nullptr), 0);
  EXPECT_EQ(policy.delay(1, 0.5, nullptr), 0.5);
  EXPECT_EQ(policy.delay(2, 0, nullptr), 4);
  EXPECT_EQ(policy.delay(3, 0.25, nullptr), 8.25);
  EXPECT_EQ(policy.delay(6, 0, nullptr), 64);
  EXPECT_EQ(policy.delay(7, 0.9, nullptr), 120);
  EXPECT_EQ(policy.delay(1000, 0.9, nullptr), 120);
}

TEST(HttpRetry, WaitsAsLongAsTheServerAsks) {
  RetryPolicy policy;
  const Response response{503, {{"retry-AFTER", "7"}}, ""};
  EXPECT_EQ(policy.delay(4, 0.5, &response), 7);
  policy.respect_retry_after = false;
  EXPECT_EQ(policy.delay(2, 0, &response), 4);
}

TEST(HttpRetry, ReadsRetryAfter) {
  using std::chrono::seconds;
  const std::chrono::system_clock::time_point now{seconds(784111777)};  // 08:49:37
  EXPECT_EQ(retry_after("120", now), 120);
  EXPECT_EQ(retry_after("Sun, 06 Nov 1994 08:49:47 GMT", now), 10);
  EXPECT_EQ(retry_after("Sun, 06 Nov 1994 08:49:07 GMT", now), 0);
  EXPECT_EQ(retry_after("99999999", now), 6 * 60 * 60);
  for (const char* wrong : {"", "-1", "soon", "Sun, 06 Now 1994 08:49:37 GMT", "1.5"})
    EXPECT_LT(retry_after(wrong, now), 0) << wrong;
}

TEST(HttpRetry, RetriesTheStatusesThatMayPass) {
  for (const int status : {408, 429, 500, 502, 503, 504}) EXPECT_TRUE(is_transient(status));
  for (const int status : {200, 302, 400, 401, 403, 404, 409, 413, 501}) EXPECT_FALSE(is_transient(status)) << status;
}

TEST(HttpRetry, AnInterruptEndsAWaitAtOnce) {
  Interrupt interrupt;
  EXPECT_TRUE(interrupt.wait(0.001));
  const auto begin = std::chrono::steady_clock::now();
  std::thread other([&] { interrupt.trigger(); });
  EXPECT_FALSE(interrupt.wait(60));
  other.join();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(30));
  EXPECT_FALSE(interrupt.wait(60));  // stays triggered
  interrupt.reset();
  EXPECT_TRUE(interrupt.wait(0));
}

TEST(HttpRetry, EncodesPathSegments) {
  EXPECT_EQ(percent_encode("a b/\xC3\xA9~"), "a%20b%2F%C3%A9~");
  EXPECT_EQ(percent_encode("a/b", "/"), "a/b");
}

TEST(HttpSecrets, AreNotRepeated) {
  Options options;
  options.user = "me";
  options.password = "p\u00e4ssword";
  options.bearer = "token-1";
  EXPECT_EQ(without_secrets("bad token-1 (token-1) of me: p\u00e4ssword", options),
            "bad <SECRET> (<SECRET>) of me: <SECRET>");
  options.bearer = "abc";
  EXPECT_EQ(without_secrets("abc", options), "abc");
}

}  // namespace
