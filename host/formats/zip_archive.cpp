// SPDX-License-Identifier: Apache-2.0
#include "formats/zip_archive.hpp"

#include <zlib.h>

#include <algorithm>
#include <stdexcept>
#include <vector>

namespace trainer {
namespace {

[[noreturn]] void bad_archive(const std::string& what) { throw std::runtime_error(what); }

// Numbers of a text, little endian; beyond its end they are an error.
class Fields {
 public:
  explicit Fields(std::string_view bytes) : left_(bytes) {}
  std::uint64_t number(int bytes) {
    std::uint64_t value = 0;
    const auto text = take(static_cast<std::size_t>(bytes));
    for (int i = bytes - 1; i >= 0; --i) value = value << 8 | static_cast<unsigned char>(text[i]);
    return value;
  }
  std::string_view take(std::size_t bytes) {
    if (bytes > left_.size()) bad_archive("its directory is cut short");
    const auto out = left_.substr(0, bytes);
    left_.remove_prefix(bytes);
    return out;
  }
  bool empty() const { return left_.empty(); }

 private:
  std::string_view left_;
};

constexpr std::string_view end_mark("PK\5\6", 4), end64_mark("PK\6\6", 4), locator_mark("PK\6\7", 4),
    entry_mark("PK\1\2", 4), local_mark("PK\3\4", 4);
constexpr std::uint64_t end_size = 22, locator_size = 20, end64_size = 56, local_size = 30;
constexpr std::uint32_t in_extra = 0xffffffff;  // the number is among the 64-bit ones

// What is unpacked may be so many times larger than the file: numbers of a training do not shrink so far, and
// a few bytes must not ask for all the memory.
constexpr std::uint64_t max_expansion = 64, max_small = 1 << 20;

// Those of a directory entry that did not fit into 32 bits, in this order.
void take_64_bit_sizes(std::string_view extra, std::uint64_t& size, std::uint64_t& stored, std::uint64_t& header) {
  Fields fields(extra);
  while (!fields.empty()) {
    const auto id = fields.number(2);
    Fields field(fields.take(fields.number(2)));
    if (id != 1) continue;
    for (std::uint64_t* number : {&size, &stored, &header})
      if (*number == in_extra) *number = field.number(8);
    return;
  }
}

[[noreturn]] void refuse_checksum(const std::string& name) {
  bad_archive("'" + name + "' has another checksum than its directory says");
}

// Goes on from `crc`, 0 at first; zlib takes 4 GB at a time.
uLong crc_of(uLong crc, const char* bytes, std::uint64_t size) {
  constexpr std::uint64_t most = 1u << 30;
  for (std::uint64_t at = 0; at < size; at += most)
    crc = crc32(crc, reinterpret_cast<const Bytef*>(bytes) + at, static_cast<uInt>(std::min(most, size - at)));
  return crc;
}

// Unpacks a deflated member piece by piece.
class Inflater {
 public:
  Inflater() {
    if (inflateInit2(&stream_, -MAX_WBITS) != Z_OK) bad_archive("zlib could not start");
  }
  ~Inflater() { inflateEnd(&stream_); }
  Inflater(const Inflater&) = delete;
  void input(std::string_view bytes) {
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    stream_.avail_in = static_cast<uInt>(bytes.size());
  }
  // How many bytes came; 0 when more input is needed.
  std::size_t output(char* to, std::size_t room) {
    stream_.next_out = reinterpret_cast<Bytef*>(to);
    stream_.avail_out = static_cast<uInt>(std::min<std::size_t>(room, 1u << 30));
    const uInt before = stream_.avail_out;
    const int result = inflate(&stream_, Z_NO_FLUSH);
    if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR)
      bad_archive("a compressed part is not valid");
    return before - stream_.avail_out;
  }

 private:
  z_stream stream_{};
};

}  // namespace

ZipArchive::ZipArchive(const std::filesystem::path& path) : file_(path) {
  std::uint64_t count = 0, size = 0;
  const std::uint64_t begin = find_directory(count, size);
  const std::string directory = file_.read(begin, size);
  Fields fields(directory);
  std::uint64_t stored = 0, unpacked = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    if (fields.take(4) != entry_mark) bad_archive("its directory is not valid");
    Member member;
    fields.take(4);  // versions
    const auto flags = fields.number(2), method = fields.number(2);
    fields.take(4);  // time
    member.crc = static_cast<std::uint32_t>(fields.number(4));
    member.stored = fields.number(4);
    member.size = fields.number(4);
    const auto name_size = fields.number(2), extra = fields.number(2), comment = fields.number(2);
    fields.take(8);  // disk, attributes
    std::uint64_t header = fields.number(4);
    const std::string name(fields.take(name_size));
    take_64_bit_sizes(fields.take(extra), member.size, member.stored, header);
    fields.take(comment);
    if ((flags & 1) != 0 || (method != 0 && method != 8)) bad_archive("'" + name + "' is packed in an unknown way");
    member.deflated = method == 8;
    locate(member, name, header);
    if (!member.deflated && member.size != member.stored) bad_archive("'" + name + "' has two sizes");
    stored += member.stored;
    unpacked += std::min(member.size, file_.size() * max_expansion + max_small + 1);
    if (stored > file_.size()) bad_archive("its parts overlap");
    if (unpacked > file_.size() * max_expansion + max_small)
      bad_archive("it unpacks to more than " + std::to_string(max_expansion) + " times its " +
                  std::to_string(file_.size()) + " bytes");
    if (!members_.emplace(name, member).second) bad_archive("two of its parts have the name '" + name + "'");
  }
}

// The directory's place in the file, by the record at the file's end.
std::uint64_t ZipArchive::find_directory(std::uint64_t& count, std::uint64_t& size) const {
  const std::uint64_t tail_size = std::min<std::uint64_t>(file_.size(), end_size + 0xffff);
  const std::string tail = file_.read(file_.size() - tail_size, tail_size);
  const auto at = tail.rfind(end_mark);
  if (at == tail.npos || tail.size() - at < end_size) bad_archive("it is not a zip archive, or its end is missing");
  Fields end(std::string_view(tail).substr(at + 10));
  count = end.number(2);
  size = end.number(4);
  std::uint64_t begin = end.number(4);
  if (at >= locator_size && tail.compare(at - locator_size, 4, locator_mark) == 0) {
    const std::string end64 =
        file_.read(Fields(std::string_view(tail).substr(at - locator_size + 8)).number(8), end64_size);
    if (!end64.starts_with(end64_mark)) bad_archive("its end is not valid");
    Fields fields(std::string_view(end64).substr(32));
    count = fields.number(8);
    size = fields.number(8);
    begin = fields.number(8);
  }
  return begin;
}

void ZipArchive::locate(Member& member, const std::string& name, std::uint64_t header) const {
  const std::string local = file_.read(header, local_size);
  if (!local.starts_with(local_mark)) bad_archive("'" + name + "' is not where its directory says");
  Fields lengths(std::string_view(local).substr(26));
  const auto name_size = lengths.number(2);
  member.begin = header + local_size + name_size + lengths.number(2);
  if (file_.read(header + local_size, name_size) != name) bad_archive("'" + name + "' has two names");
  if (member.begin > file_.size() || member.stored > file_.size() - member.begin)
    bad_archive("'" + name + "' reaches beyond the file's end");
}

void ZipArchive::read(const Member& member, void* to) const {
  char* const out = static_cast<char*>(to);
  if (!member.deflated) return file_.read(member.begin, out, member.size);
  const std::string packed = file_.read(member.begin, member.stored);
  Inflater inflater;
  inflater.input(packed);
  std::uint64_t done = 0;
  while (done < member.size) {
    const auto got = inflater.output(out + done, member.size - done);
    if (got == 0) bad_archive("a compressed part unpacks to fewer bytes than its directory says");
    done += got;
  }
}

bool ZipArchive::has_checksums() const {
  return std::any_of(members_.begin(), members_.end(), [](const auto& member) { return member.second.crc != 0; });
}

void ZipArchive::read_checked(const std::string& name, const Member& member, void* to) const {
  read(member, to);
  if (has_checksums() && crc_of(0, static_cast<const char*>(to), member.size) != member.crc) refuse_checksum(name);
}

void ZipArchive::check() const {
  if (!has_checksums()) return;
  std::vector<char> piece(std::size_t{1} << 18);
  for (const auto& [name, member] : members_) {
    if (member.deflated) {
      std::string unpacked(member.size, '\0');
      read_checked(name, member, unpacked.data());
      continue;
    }
    uLong crc = 0;
    for (std::uint64_t at = 0; at < member.size; at += piece.size()) {
      const auto size = std::min<std::uint64_t>(piece.size(), member.size - at);
      file_.read(member.begin + at, piece.data(), size);
      crc = crc_of(crc, piece.data(), size);
    }
    if (crc != member.crc) refuse_checksum(name);
  }
}

}  // namespace trainer
