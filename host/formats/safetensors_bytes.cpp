// SPDX-License-Identifier: Apache-2.0
#include "formats/safetensors_bytes.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <set>

#include "formats/safetensors_types.hpp"
#include "trainer/error.hpp"

namespace trainer {
namespace {

using safetensors::types;

// A JSON string as Rust's serde_json writes it, which leaves UTF-8 alone.
std::string json_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const std::size_t at = std::string_view("\"\\\b\f\n\r\t").find(c);
    if (at != std::string_view::npos) {
      out += '\\';
      out += "\"\\bfnrt"[at];
    } else if (byte < 0x20) {
      const char* hex = "0123456789abcdef";
      out += std::string("\\u00") + hex[byte >> 4] + hex[byte & 15];
    } else {
      out += c;
    }
  }
  return out + '"';
}

struct Entry {
  std::size_t rank;  // of its type
  std::string name;
  at::Tensor data;  // contiguous, on the CPU
};

std::vector<Entry> sorted_entries(const std::vector<std::pair<std::string, at::Tensor>>& tensors,
                                  const std::string& where) {
  std::vector<Entry> entries;
  for (const auto& [name, tensor] : tensors) {
    const auto& known = safetensors::scalar_types;
    const auto type = std::find(known.begin(), known.end(), tensor.scalar_type());
    if (type == known.end()) {
      throw_run(error_id::model_unsupported, where + ": tensor '" + name + "' has the type " +
                                                 c10::toString(tensor.scalar_type()) + ", expected one of " +
                                                 safetensors::type_names() + "; convert it before saving");
    }
    entries.push_back(
        {static_cast<std::size_t>(type - known.begin()), name, tensor.detach().to(at::kCPU).contiguous()});
  }
  std::sort(entries.begin(), entries.end(),
            [](const Entry& a, const Entry& b) { return a.rank != b.rank ? a.rank > b.rank : a.name < b.name; });
  std::set<std::string_view> names;
  for (const Entry& entry : entries) {
    if (names.insert(entry.name).second) continue;
    throw_run(error_id::model_unsupported,
              where + ": two tensors have the name '" + entry.name + "', expected different names; rename one");
  }
  return entries;
}

std::string header_text(const std::vector<Entry>& entries, const std::map<std::string, std::string>& metadata) {
  std::string out = R"({"__metadata__":{"format":"pt")";
  for (const auto& [name, text] : metadata)
    if (name != "format") out.append(",").append(json_string(name)).append(":").append(json_string(text));
  out += '}';
  std::uint64_t offset = 0;
  for (const Entry& entry : entries) {
    out.append(",").append(json_string(entry.name));
    out.append(R"(:{"dtype":")").append(types[entry.rank].name).append(R"(","shape":[)");
    for (std::int64_t d = 0; d < entry.data.dim(); ++d) {
      if (d > 0) out += ',';
      out += std::to_string(entry.data.size(d));
    }
    const std::uint64_t end = offset + entry.data.nbytes();
    out.append("],\"data_offsets\":[").append(std::to_string(offset));
    out.append(",").append(std::to_string(end)).append("]}");
    offset = end;
  }
  out += '}';
  out.resize((out.size() + 7) / 8 * 8, ' ');
  return out;
}

std::string little_endian(std::uint64_t value) {
  std::string out;
  for (int i = 0; i < 8; ++i) out += static_cast<char>(value >> (8 * i) & 0xff);
  return out;
}

}  // namespace

void write_safetensors(const std::vector<std::pair<std::string, at::Tensor>>& tensors,
                       const std::map<std::string, std::string>& metadata, const std::string& where,
                       const std::function<void(std::string_view)>& write) {
  const std::vector<Entry> entries = sorted_entries(tensors, where);
  const std::string header = header_text(entries, metadata);
  write(little_endian(header.size()) + header);
  for (const Entry& entry : entries)
    write({static_cast<const char*>(entry.data.const_data_ptr()), entry.data.nbytes()});
}

}  // namespace trainer
