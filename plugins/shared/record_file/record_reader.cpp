// SPDX-License-Identifier: Apache-2.0
//
// Puts the pieces of records together again.
#include "shared/record_file/record_reader.hpp"

#include <zlib.h>

#include "shared/record_file/record_file.hpp"

namespace trainer::plugins {

RecordReader::RecordReader(const std::filesystem::path& path, std::string_view header) : in_(path, std::ios::binary) {
  std::string found(header.size(), '\0');
  if (!in_.read(found.data(), static_cast<std::streamsize>(found.size())) || found != header)
    in_.setstate(std::ios::failbit);
  offset_ = header.size();
}

bool RecordReader::next(std::string& record) {
  constexpr std::size_t head_size = 7;
  record.clear();
  for (bool begin = true;; begin = false) {
    const std::size_t left = RecordFile::block_size - offset_ % RecordFile::block_size;
    if (left < head_size) {
      in_.ignore(static_cast<std::streamsize>(left));
      offset_ += left;
    }
    unsigned char head[head_size];
    if (!in_.read(reinterpret_cast<char*>(head), head_size)) return false;
    const std::size_t size = head[4] | static_cast<std::size_t>(head[5]) << 8;
    const uLong expected = head[0] | static_cast<uLong>(head[1]) << 8 | static_cast<uLong>(head[2]) << 16 |
                           static_cast<uLong>(head[3]) << 24;
    const std::size_t old = record.size();
    record.resize(old + size);
    if (!in_.read(record.data() + old, static_cast<std::streamsize>(size))) return false;
    uLong crc = crc32(0, head + 6, 1);
    if (size != 0) crc = crc32(crc, reinterpret_cast<const Bytef*>(record.data() + old), static_cast<uInt>(size));
    const unsigned type = head[6];  // 1 full, 2 first, 3 middle, 4 last
    if (crc != expected || type < 1 || type > 4 || begin != (type <= 2)) return false;
    offset_ += head_size + size;
    if (type == 1 || type == 4) return true;
  }
}

}  // namespace trainer::plugins
