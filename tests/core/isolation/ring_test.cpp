// SPDX-License-Identifier: Apache-2.0
#include "isolation/ring.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "isolation/bytes.hpp"

namespace trainer::isolation {
namespace {

constexpr std::size_t ring_bytes = 256;

struct Memory {
  alignas(64) char bytes[ring_memory(ring_bytes)] = {};
};

std::string taken_by(RingReader& reader) {
  std::string_view record;
  if (!reader.next(record)) return "(none)";
  std::string out(record);
  reader.done();
  return out;
}

TEST(Ring, GivesRecordsInTheirOrder) {
  Memory memory;
  RingWriter writer(memory.bytes, ring_bytes);
  RingReader reader(memory.bytes, ring_bytes);
  EXPECT_EQ(taken_by(reader), "(none)");
  EXPECT_TRUE(writer.push("one"));
  EXPECT_TRUE(writer.push(""));
  EXPECT_TRUE(writer.push("three records"));
  EXPECT_EQ(taken_by(reader), "one");
  EXPECT_EQ(taken_by(reader), "");
  EXPECT_EQ(taken_by(reader), "three records");
  EXPECT_EQ(taken_by(reader), "(none)");
}

TEST(Ring, IsFullUntilARecordIsDone) {
  Memory memory;
  RingWriter writer(memory.bytes, ring_bytes);
  RingReader reader(memory.bytes, ring_bytes);
  const std::string record(56, 'x');  // 64 bytes with its size
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(writer.push(record));
  EXPECT_FALSE(writer.push(record));
  std::string_view first;
  ASSERT_TRUE(reader.next(first));
  EXPECT_FALSE(writer.push(record));  // it is still read
  reader.done();
  EXPECT_TRUE(writer.push(record));
}

TEST(Ring, KeepsRecordsOfAnySizeWholeAroundItsEnd) {
  Memory memory;
  RingWriter writer(memory.bytes, ring_bytes);
  RingReader reader(memory.bytes, ring_bytes);
  for (std::size_t i = 0; i < 1000; ++i) {
    const std::string record(i * 7 % (writer.longest() + 1), static_cast<char>('a' + i % 26));
    ASSERT_TRUE(writer.push(record)) << i;
    ASSERT_EQ(taken_by(reader), record) << i;
  }
}

TEST(Ring, IsReadByAnotherThread) {
  Memory memory;
  RingWriter writer(memory.bytes, ring_bytes);
  constexpr std::uint64_t count = 20000;
  std::thread other([&] {
    RingReader reader(memory.bytes, ring_bytes);
    std::string_view record;
    for (std::uint64_t i = 0; i < count;) {
      if (!reader.next(record)) {
        std::this_thread::yield();
        continue;
      }
      std::uint64_t number = 0;
      std::memcpy(&number, record.data(), sizeof number);
      EXPECT_EQ(number, i++);
      reader.done();
    }
  });
  for (std::uint64_t i = 0; i < count; ++i)
    while (!writer.push({reinterpret_cast<const char*>(&i), sizeof i})) std::this_thread::yield();
  other.join();
}

TEST(Ring, BelievesNoPlaceThatCannotBe) {
  Memory memory;
  RingWriter writer(memory.bytes, ring_bytes);
  auto& head = const_cast<RingHead&>(writer.head());
  std::uint64_t taken = 0;
  ASSERT_TRUE(writer.push("one"));
  head.taken = 1000;  // more than was written
  EXPECT_FALSE(writer.look(taken));
  head.taken = 16;
  EXPECT_TRUE(writer.look(taken));
}

TEST(Ring, GivesNoRecordBeyondItsEnd) {
  Memory memory;
  RingWriter writer(memory.bytes, ring_bytes);
  RingReader reader(memory.bytes, ring_bytes);
  ASSERT_TRUE(writer.push("one"));
  for (const std::uint64_t size : {std::uint64_t{ring_bytes - 7}, ~std::uint64_t{0} - 1}) {
    std::memcpy(memory.bytes + sizeof(RingHead), &size, sizeof size);  // as a plugin may do by mistake
    std::string_view record;
    EXPECT_THROW(reader.next(record), BadBytes);
  }
}

}  // namespace
}  // namespace trainer::isolation
