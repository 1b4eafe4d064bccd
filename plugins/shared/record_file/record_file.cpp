// SPDX-License-Identifier: Apache-2.0
//
// Appends records in blocks with checksums, as LevelDB's log does.
#include "shared/record_file/record_file.hpp"

#include <zlib.h>

#include <algorithm>

namespace trainer::plugins {
namespace {

constexpr std::size_t head_size = 7;
enum Type : char { full = 1, first = 2, middle = 3, last = 4 };

void append_little(std::string& out, std::uint32_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out.push_back(static_cast<char>(value >> (8 * i)));
}

std::uint32_t checksum(char type, std::string_view data) {
  const auto bytes = [](const char* p) { return reinterpret_cast<const Bytef*>(p); };
  uLong crc = crc32(0, bytes(&type), 1);
  // zlib takes a null pointer for "start anew", which an empty view may hold.
  if (!data.empty()) crc = crc32(crc, bytes(data.data()), static_cast<uInt>(data.size()));
  return static_cast<std::uint32_t>(crc);
}

}  // namespace

RecordFile::RecordFile(const std::filesystem::path& path, std::string_view header)
    : file_(sdk::AppendFile::create(path)) {
  file_.append(header);
}

void RecordFile::append(std::initializer_list<std::string_view> records) {
  buffer_.clear();
  for (const std::string_view record : records) frame(buffer_, file_.size() + buffer_.size(), record);
  file_.append(buffer_);
}

void RecordFile::frame(std::string& out, std::uint64_t offset, std::string_view record) {
  std::size_t left = block_size - static_cast<std::size_t>(offset % block_size);
  for (bool begin = true;; begin = false) {
    if (left < head_size) {  // too little for a head: zeros, and the next block
      out.append(left, '\0');
      left = block_size;
    }
    const std::string_view data = record.substr(0, std::min(record.size(), left - head_size));
    const bool end = data.size() == record.size();
    const Type type = begin ? (end ? full : first) : (end ? last : middle);
    append_little(out, checksum(type, data), 4);
    append_little(out, static_cast<std::uint32_t>(data.size()), 2);
    out.push_back(type);
    out += data;
    if (end) return;
    record.remove_prefix(data.size());
    left -= head_size + data.size();
  }
}

}  // namespace trainer::plugins
