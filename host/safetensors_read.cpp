// SPDX-License-Identifier: Apache-2.0
// Reading of safetensors files. Nothing that the file says is believed before it was checked
// against the size of the file.
#include <ATen/ATen.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <optional>

#include "safetensors_format.hpp"
#include "trainer/error.hpp"
#include "trainer/json.hpp"
#include "trainer/safetensors.hpp"

namespace trainer {
namespace {

using safetensors::Type;
using safetensors::types;

constexpr const char* remedy =
    "; the file is damaged or cut short, so use another copy or an earlier checkpoint";

struct Entry {
  std::string name;
  Type type;
  std::vector<std::int64_t> shape;
  std::uint64_t begin, end;  // in the data
};

class Reader {
 public:
  explicit Reader(const std::filesystem::path& path)
      : where_(path.string()), in_(path, std::ios::binary) {
    std::error_code error;
    const bool regular = std::filesystem::is_regular_file(path, error);
    if (!in_ || !regular) {
      throw_run(error_id::checkpoint_damaged, where_ + ": " +
          (error || !std::filesystem::exists(path, error) ? "there is no" : "cannot read the") +
          " file, expected a safetensors file; check the path");
    }
    size_ = std::filesystem::file_size(path);
  }

  NamedTensors read() {
    const json::object header = read_header();
    std::vector<Entry> entries;
    for (const auto& item : header) {
      if (item.key() == "__metadata__") continue;
      entries.push_back(parse_entry(std::string(item.key()), item.value()));
    }
    std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
      return std::tie(a.begin, a.end) < std::tie(b.begin, b.end);
    });
    check_layout(entries);
    NamedTensors tensors;
    for (const Entry& entry : entries) tensors.emplace_back(entry.name, read_tensor(entry));
    return tensors;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw_run(error_id::checkpoint_damaged, where_ + ": " + what + remedy);
  }

  void read_bytes(void* to, std::uint64_t count) {
    in_.read(static_cast<char*>(to), static_cast<std::streamsize>(count));
    if (!in_) fail("found its end too early");
  }

  json::object read_header() {
    if (size_ < 8) {
      fail("found " + std::to_string(size_) + " bytes, expected at least 8, the header's length");
    }
    unsigned char bytes[8];
    read_bytes(bytes, 8);
    std::uint64_t length = 0;
    for (int i = 7; i >= 0; --i) length = length << 8 | bytes[i];
    const std::uint64_t available = std::min(size_ - 8, safetensors::max_header);
    if (length > available) {
      fail("found a header length of " + std::to_string(length) + " bytes, expected at most " +
           std::to_string(available));
    }
    std::string text(length, '\0');
    read_bytes(text.data(), length);
    data_size_ = size_ - 8 - length;
    if (!text.starts_with('{')) fail("found no '{' at the start of the header, expected JSON");
    json::value header = json::parse(text, where_ + ": header");
    if (!header.is_object()) fail("found no object in the header, expected one");
    return header.as_object();
  }

  std::uint64_t parse_size(const json::value& value, const std::string& place) const {
    if (value.is_int64() && value.get_int64() >= 0) return value.get_int64();
    if (value.is_uint64()) return value.get_uint64();
    fail(place + ": found " + json::dump(value) + ", expected an integer that is not negative");
  }

  const json::array& parse_list(const json::object& entry, const char* key,
                                const std::string& place) const {
    const json::value* value = entry.if_contains(key);
    if (value == nullptr || !value->is_array()) fail(place + ": found no list '" + key + "'");
    return value->get_array();
  }

  Type parse_type(const json::object& entry, const std::string& place) const {
    const json::value* value = entry.if_contains("dtype");
    if (value == nullptr || !value->is_string()) fail(place + ": found no text 'dtype'");
    for (const Type& type : types) {
      if (value->get_string() == type.name) return type;
    }
    throw_run(error_id::checkpoint_damaged, where_ + ": " + place + ": found the type " + json::dump(*value) +
              ", expected one of " + safetensors::type_names() +
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
    const std::uint64_t bytes = count * c10::elementSize(entry.type.scalar);
    if (entry.end - entry.begin != bytes) {
      fail(place + ": found " + std::to_string(entry.end - entry.begin) + " bytes, expected " +
           std::to_string(bytes) + " by its shape and type");
    }
    return entry;
  }

  // Without gaps and overlaps, as the package demands.
  void check_layout(const std::vector<Entry>& entries) const {
    std::uint64_t at = 0;
    for (const Entry& entry : entries) {
      if (entry.begin != at) {
        fail("tensor '" + entry.name + "': found its data at " + std::to_string(entry.begin) +
             ", expected it at " + std::to_string(at) + " after the one before");
      }
      at = entry.end;
    }
    if (at != data_size_) {
      fail("found " + std::to_string(data_size_) + " bytes of data, expected " +
           std::to_string(at) + " by the header");
    }
  }

  at::Tensor read_tensor(const Entry& entry) {
    at::Tensor tensor = at::empty(entry.shape, at::TensorOptions(entry.type.scalar));
    auto* data = static_cast<unsigned char*>(tensor.mutable_data_ptr());
    if (entry.end > entry.begin) read_bytes(data, entry.end - entry.begin);
    if (entry.type.scalar == at::kBool) {
      const unsigned char* end = data + tensor.nbytes();
      if (std::any_of(data, const_cast<unsigned char*>(end), [](auto byte) { return byte > 1; })) {
        fail("tensor '" + entry.name + "': found a byte above 1, expected booleans");
      }
    }
    return tensor;
  }

  std::string where_;
  std::ifstream in_;
  std::uint64_t size_ = 0;
  std::uint64_t data_size_ = 0;
};

}  // namespace

NamedTensors load_safetensors(const std::filesystem::path& path) { return Reader(path).read(); }

}  // namespace trainer
