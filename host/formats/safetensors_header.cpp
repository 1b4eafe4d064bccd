// SPDX-License-Identifier: Apache-2.0
#include "formats/safetensors_header.hpp"

#include <algorithm>
#include <limits>
#include <tuple>

#include "trainer/error.hpp"
#include "trainer/json.hpp"

namespace trainer::safetensors {
namespace {

class Reader {
 public:
  Reader(std::string_view start, std::uint64_t file_size, const std::string& where, const FileRole& role)
      : start_(start), file_size_(file_size), where_(where), role_(role) {}

  std::vector<Entry> read() {
    const json::object header = read_object();
    std::vector<Entry> entries;
    for (const auto& item : header) {
      if (item.key() == "__metadata__") continue;
      entries.push_back(parse_entry(std::string(item.key()), item.value()));
    }
    std::sort(entries.begin(), entries.end(),
              [](const Entry& a, const Entry& b) { return std::tie(a.begin, a.end) < std::tie(b.begin, b.end); });
    check_layout(entries);
    const std::uint64_t data_begin = file_size_ - data_size_;
    for (Entry& entry : entries) {
      entry.begin += data_begin;
      entry.end += data_begin;
    }
    return entries;
  }

  std::uint64_t header_end() const {
    if (file_size_ < 8)
      fail("found " + std::to_string(file_size_) + " bytes, expected at least 8, the header's length");
    std::uint64_t length = 0;
    for (int i = 7; i >= 0; --i) length = length << 8 | static_cast<unsigned char>(start_[i]);
    const std::uint64_t available = std::min<std::uint64_t>(file_size_ - 8, max_header);
    if (length > available) {
      fail("found a header length of " + std::to_string(length) + " bytes, expected at most " +
           std::to_string(available));
    }
    return 8 + length;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const { role_.fail(where_ + ": " + what); }

  json::object read_object() {
    const std::uint64_t end = header_end();
    const std::string_view text = start_.substr(8, end - 8);
    data_size_ = file_size_ - end;
    if (!text.starts_with('{')) fail("found no '{' at the start of the header, expected JSON");
    const json::value header = parse_header(text);
    if (!header.is_object()) fail("found no object in the header, expected one");
    return header.as_object();
  }

  json::value parse_header(std::string_view text) const try {
    return json::parse(text, where_ + ": header");
  } catch (const Error& e) {
    role_.fail(e.sentence());
  }

  std::uint64_t parse_size(const json::value& value, const std::string& place) const {
    if (value.is_int64() && value.get_int64() >= 0) return value.get_int64();
    if (value.is_uint64()) return value.get_uint64();
    fail(place + ": found " + json::dump(value) + ", expected an integer that is not negative");
  }

  const json::array& parse_list(const json::object& entry, const char* key, const std::string& place) const {
    const json::value* value = entry.if_contains(key);
    if (value == nullptr || !value->is_array()) fail(place + ": found no list '" + key + "'");
    return value->get_array();
  }

  std::size_t parse_type(const json::object& entry, const std::string& place) const {
    const json::value* value = entry.if_contains("dtype");
    if (value == nullptr || !value->is_string()) fail(place + ": found no text 'dtype'");
    for (std::size_t i = 0; i < types.size(); ++i)
      if (value->get_string() == types[i].name) return i;
    throw Error(role_.kind, role_.id,
                where_ + ": " + place + ": found the type " + json::dump(*value) + ", expected one of " + type_names() +
                    "; convert the file with the safetensors package");
  }

  Entry parse_entry(const std::string& name, const json::value& value) const {
    const std::string place = "tensor '" + name + "'";
    if (!value.is_object()) fail(place + ": found no object in the header");
    const json::object& object = value.get_object();
    Entry entry{name, parse_type(object, place), {}, 0, 0};
    // The product without zeros is checked too: strides are made of it.
    constexpr std::uint64_t limit = std::numeric_limits<std::int64_t>::max() / 8;
    std::uint64_t count = 1, strides = 1;
    for (const json::value& item : parse_list(object, "shape", place)) {
      const std::uint64_t size = parse_size(item, place);
      if (size != 0 && strides > limit / size) fail(place + ": found a shape that is too large");
      strides *= std::max<std::uint64_t>(size, 1);
      count *= size;
      entry.shape.push_back(static_cast<std::int64_t>(size));
    }
    if (entry.shape.size() > 64) fail(place + ": found more than 64 dimensions");
    const json::array& offsets = parse_list(object, "data_offsets", place);
    if (offsets.size() != 2) fail(place + ": found no pair 'data_offsets'");
    entry.begin = parse_size(offsets[0], place);
    entry.end = parse_size(offsets[1], place);
    if (entry.begin > entry.end || entry.end > data_size_) {
      fail(place + ": found the offsets " + json::dump(offsets) + ", expected a range within " +
           std::to_string(data_size_) + " bytes of data");
    }
    const std::uint64_t bytes = count * types[entry.type].bytes;
    if (entry.end - entry.begin != bytes) {
      fail(place + ": found " + std::to_string(entry.end - entry.begin) + " bytes, expected " + std::to_string(bytes) +
           " by its shape and type");
    }
    return entry;
  }

  // Without gaps and overlaps, as the package demands.
  void check_layout(const std::vector<Entry>& entries) const {
    std::uint64_t at = 0;
    for (const Entry& entry : entries) {
      if (entry.begin != at) {
        fail("tensor '" + entry.name + "': found its data at " + std::to_string(entry.begin) + ", expected it at " +
             std::to_string(at) + " after the one before");
      }
      at = entry.end;
    }
    if (at != data_size_) {
      fail("found " + std::to_string(data_size_) + " bytes of data, expected " + std::to_string(at) + " by the header");
    }
  }

  std::string_view start_;
  std::uint64_t file_size_;
  const std::string& where_;
  const FileRole& role_;
  std::uint64_t data_size_ = 0;
};

}  // namespace

std::string type_names() {
  std::string out;
  for (const Type& type : types) out += (out.empty() ? "" : ", ") + std::string(type.name);
  return out;
}

std::uint64_t header_end(std::string_view first, std::uint64_t file_size, const std::string& where,
                         const FileRole& role) {
  return Reader(first, file_size, where, role).header_end();
}

std::vector<Entry> read_header(std::string_view start, std::uint64_t file_size, const std::string& where,
                               const FileRole& role) {
  return Reader(start, file_size, where, role).read();
}

}  // namespace trainer::safetensors
