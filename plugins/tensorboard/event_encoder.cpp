// SPDX-License-Identifier: Apache-2.0
//
// Events as protobuf messages in TFRecord frames.
#include "event_encoder.hpp"

#include <cstring>

#include "crc32c.hpp"

namespace trainer::tensorboard {
namespace {

// A field's key is (number << 3) | wire type.
constexpr unsigned varint = 0, fixed64 = 1, length_delimited = 2, fixed32 = 5;
constexpr char key(unsigned field, unsigned wire_type) { return static_cast<char>(field << 3 | wire_type); }

// A record's head: the payload's length (8 bytes) and the masked CRC-32C of those (4 bytes).
constexpr std::size_t head_size = 12;

void store_little(char* at, std::uint64_t value, std::size_t bytes) {
  for (std::size_t i = 0; i < bytes; ++i) at[i] = static_cast<char>(value >> (8 * i));
}

template <std::size_t Size>
void append_little(std::string& out, std::uint64_t value) {
  char bytes[Size];
  store_little(bytes, value, Size);
  out.append(bytes, Size);
}

std::size_t varint_size(std::uint64_t value) {
  std::size_t size = 1;
  for (; value >= 0x80; value >>= 7) ++size;
  return size;
}

void append_varint(std::string& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<char>(value | 0x80));
  out.push_back(static_cast<char>(value));
}

/// Size of a bytes field whose number is below 16.
std::size_t field_size(std::size_t content) { return 1 + varint_size(content) + content; }

void open_field(std::string& out, unsigned field, std::size_t content) {
  out.push_back(key(field, length_delimited));
  append_varint(out, content);
}

void append_field(std::string& out, unsigned field, std::string_view content) {
  open_field(out, field, content.size());
  out += content;
}

// Event
constexpr unsigned event_wall_time = 1, event_step = 2, event_file_version = 3, event_summary = 5,
                   event_session_log = 7, event_source_metadata = 10;
// Summary, Summary.Value
constexpr unsigned summary_value = 1, value_tag = 1, value_simple_value = 2, value_tensor = 8, value_metadata = 9;

// TensorProto up to string_val: dtype DT_STRING (7), tensor_shape {dim {size 1}}.
constexpr std::string_view string_tensor("\x08\x07\x12\x04\x12\x02\x08\x01", 8);
constexpr unsigned tensor_string_val = 8;
// SummaryMetadata {plugin_data {plugin_name "text"}}; its content, TextPluginData version 0, is
// empty.
constexpr std::string_view text_metadata("\x0a\x06\x0a\x04text", 8);
// SessionLog {status START}
constexpr std::string_view session_start_status("\x08\x01", 2);

}  // namespace

ScalarTag::ScalarTag(std::string_view tag) {
  const std::size_t value = field_size(tag.size()) + 1 + sizeof(float);
  open_field(bytes_, event_summary, field_size(value));
  open_field(bytes_, summary_value, value);
  append_field(bytes_, value_tag, tag);
  bytes_.push_back(key(value_simple_value, fixed32));
}

void EventEncoder::file_version(double wall_time, std::string_view writer) {
  const std::size_t record = begin_record(wall_time, 0);
  append_field(buffer_, event_file_version, "brain.Event:2");
  open_field(buffer_, event_source_metadata, field_size(writer.size()));
  append_field(buffer_, 1, writer);
  end_record(record);
}

void EventEncoder::session_start(double wall_time, std::int64_t step) {
  const std::size_t record = begin_record(wall_time, step);
  append_field(buffer_, event_session_log, session_start_status);
  end_record(record);
}

void EventEncoder::scalar(const ScalarTag& tag, double wall_time, std::int64_t step, double value) {
  const std::size_t record = begin_record(wall_time, step);
  buffer_ += tag.bytes_;
  const auto single = static_cast<float>(value);
  std::uint32_t bits;
  std::memcpy(&bits, &single, sizeof bits);
  append_little<4>(buffer_, bits);
  end_record(record);
}

void EventEncoder::text(std::string_view tag, double wall_time, std::int64_t step, std::string_view text) {
  constexpr std::string_view suffix = "/text_summary";
  const std::size_t tag_size = tag.size() + suffix.size();
  const std::size_t tensor = string_tensor.size() + field_size(text.size());
  const std::size_t value = field_size(tag_size) + field_size(tensor) + field_size(text_metadata.size());

  const std::size_t record = begin_record(wall_time, step);
  open_field(buffer_, event_summary, field_size(value));
  open_field(buffer_, summary_value, value);
  open_field(buffer_, value_tag, tag_size);
  buffer_ += tag;
  buffer_ += suffix;
  open_field(buffer_, value_tensor, tensor);
  buffer_ += string_tensor;
  append_field(buffer_, tensor_string_val, text);
  append_field(buffer_, value_metadata, text_metadata);
  end_record(record);
}

std::size_t EventEncoder::begin_record(double wall_time, std::int64_t step) {
  const std::size_t begin = buffer_.size();
  buffer_.append(head_size, '\0');
  std::uint64_t bits;
  std::memcpy(&bits, &wall_time, sizeof bits);
  buffer_.push_back(key(event_wall_time, fixed64));
  append_little<8>(buffer_, bits);
  if (step != 0) {  // proto3 leaves defaults out
    buffer_.push_back(key(event_step, varint));
    append_varint(buffer_, static_cast<std::uint64_t>(step));
  }
  return begin;
}

void EventEncoder::end_record(std::size_t begin) {
  char* head = &buffer_[begin];
  const std::string_view payload(head + head_size, buffer_.size() - begin - head_size);
  store_little(head, payload.size(), 8);
  store_little(head + 8, masked_crc32c({head, 8}), 4);
  append_little<4>(buffer_, masked_crc32c(payload));
}

}  // namespace trainer::tensorboard
