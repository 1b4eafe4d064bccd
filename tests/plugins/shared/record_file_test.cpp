// SPDX-License-Identifier: Apache-2.0
#include "shared/record_file/record_file.hpp"

#include <gtest/gtest.h>
#include <zlib.h>

#include <fstream>
#include <sstream>
#include <vector>

#include "support/file_size_limit.hpp"
#include "support/scratch_directory.hpp"

namespace trainer::plugins::record_file_test {
namespace {

using trainer::plugins::RecordFile;
using namespace std::string_literals;

const std::string header = ":W&B\xe1\xbe\x00"s;

std::string content(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream all;
  all << in.rdbuf();
  return all.str();
}

/// A reader of its own: checks each checksum and type, and that padding is zeros.
std::vector<std::string> read(const std::string& bytes, std::size_t at) {
  std::vector<std::string> records;
  bool inside = false;
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(bytes.at(i)); };
  while (at < bytes.size()) {
    const std::size_t left = RecordFile::block_size - at % RecordFile::block_size;
    if (left < 7) {
      EXPECT_EQ(bytes.substr(at, left), std::string(left, '\0'));
      at += left;
      continue;
    }
    const std::uint32_t crc =
        byte(at) | byte(at + 1) << 8 | byte(at + 2) << 16 | static_cast<std::uint32_t>(byte(at + 3)) << 24;
    const std::size_t size = byte(at + 4) | byte(at + 5) << 8;
    const int type = byte(at + 6);
    EXPECT_LE(7 + size, left);
    EXPECT_EQ(crc, crc32(0, reinterpret_cast<const Bytef*>(&bytes[at + 6]), static_cast<uInt>(size + 1)));
    EXPECT_EQ(inside, type == 3 || type == 4);
    if (!inside) records.emplace_back();
    records.back() += bytes.substr(at + 7, size);
    inside = type == 2 || type == 3;
    at += 7 + size;
  }
  EXPECT_FALSE(inside);
  return records;
}

TEST(RecordFile, WritesKnownBytes) {
  const trainer::test::ScratchDirectory directory;
  RecordFile file(directory.path() / "run.wandb", header);
  file.append("\x08\x01hello");
  EXPECT_EQ(content(file.path()), header + "\xae\x13\x09\xa1\x07\x00\x01\x08\x01"s + "hello");
}

TEST(RecordFile, KeepsToBlocks) {
  // Every number of bytes that can be left in a block before the second record.
  for (std::size_t left = 0; left <= 16; ++left) {
    const std::vector<std::string> records = {std::string(RecordFile::block_size - header.size() - 7 - left, 'a'),
                                              "second", std::string(3 * RecordFile::block_size, 'c'), ""};
    std::string bytes = header;
    for (const std::string& record : records) RecordFile::frame(bytes, bytes.size(), record);
    EXPECT_EQ(read(bytes, header.size()), records) << left;
  }
}

#if !defined(_WIN32)
TEST(RecordFile, IsWholeWhenTheDiskIsFull) {
  const trainer::test::ScratchDirectory directory;
  RecordFile file(directory.path() / "run.wandb", header);
  file.append("first");
  {
    const trainer::test::FileSizeLimit limit(1000);
    EXPECT_THROW(file.append(std::string(2000, 'x')), trainer::sdk::FileError);
  }
  file.append("second");
  EXPECT_EQ(read(content(file.path()), header.size()), (std::vector<std::string>{"first", "second"}));
}
#endif

TEST(RecordFile, NeverOverwrites) {
  const trainer::test::ScratchDirectory directory;
  { RecordFile file(directory.path() / "run.wandb", header); }
  EXPECT_THROW(RecordFile(directory.path() / "run.wandb", header), trainer::sdk::FileError);
}

}  // namespace
}  // namespace trainer::plugins::record_file_test
