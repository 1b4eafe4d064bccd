// SPDX-License-Identifier: Apache-2.0
#include "child/connection.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>

namespace trainer::child {
namespace {

class BothEnds : public testing::Test {
 protected:
  BothEnds() {
    Pair pair = make_socket_pair();
    theirs = std::move(pair.theirs);
    ours = std::make_unique<Connection>(std::move(pair.ours), 1u << 20, [](std::string_view body) {
      if (body == "nonsense") throw std::runtime_error("no message");
      return body == "for the first look";
    });
  }
  std::string read_frame() {
    FrameReader reader;
    std::string body;
    while (!reader.next(body)) {
      char bytes[4096];
      const auto n = receive_some(theirs.get(), bytes, sizeof bytes);
      if (n == 0) return "end of file";
      if (n > 0) reader.feed({bytes, static_cast<std::size_t>(n)});
    }
    return body;
  }
  void write_frame(std::string_view body) {
    std::string bytes;
    append_frame(bytes, body);
    for (std::size_t sent = 0; sent < bytes.size();) {
      const auto n = send_some(theirs.get(), bytes.data() + sent, bytes.size() - sent);
      if (n > 0) sent += static_cast<std::size_t>(n);
    }
  }
  Descriptor theirs;
  std::unique_ptr<Connection> ours;
};

TEST_F(BothEnds, MessagesGoBothWays) {
  EXPECT_TRUE(ours->send("question"));
  EXPECT_EQ(read_frame(), "question");
  write_frame("for the first look");
  write_frame("answer");
  EXPECT_EQ(ours->receive(10), "answer");
}

TEST_F(BothEnds, AReceiverThatWaitsIsToldOfTheEnd) {
  std::thread closer([this] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    theirs.close();
  });
  EXPECT_FALSE(ours->receive(60));
  EXPECT_TRUE(ours->gone());
  EXPECT_FALSE(ours->nonsense());
  closer.join();
}

TEST_F(BothEnds, TimePassesWithoutAnAnswer) {
  EXPECT_FALSE(ours->receive(0.05));
  EXPECT_FALSE(ours->gone());
}

TEST_F(BothEnds, SendingNeverWaitsForTheOtherSide) {
  const std::string body(1000, ' ');
  std::size_t kept = 0;
  while (ours->send(body) && kept < 100000) ++kept;
  EXPECT_GE(kept, 1000u) << "about what the limit allows";
  EXPECT_LT(kept, 100000u) << "nobody reads";
  EXPECT_GE(ours->refused(), 1u);
}

TEST_F(BothEnds, SomethingThatIsNoMessageEndsIt) {
  write_frame("nonsense");
  EXPECT_FALSE(ours->receive(10));
  EXPECT_TRUE(ours->gone());
  EXPECT_TRUE(ours->nonsense());
}

TEST_F(BothEnds, AFrameWithoutEndEndsIt) {
  ASSERT_EQ(send_some(theirs.get(), "\xff\xff\xff\xff", 4), 4);
  EXPECT_FALSE(ours->receive(10));
  EXPECT_TRUE(ours->nonsense());
}

}  // namespace
}  // namespace trainer::child
