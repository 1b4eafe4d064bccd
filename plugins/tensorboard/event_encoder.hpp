// SPDX-License-Identifier: Apache-2.0
//
// TensorBoard's Event messages (tensorboard/compat/proto/{event,summary}.proto), encoded by hand:
// four kinds of message do not justify libprotobuf, whose symbols clash between plugins.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace trainer::tensorboard {

/// A tag's part of a scalar event, ready to be copied: everything between the step and the float.
class ScalarTag {
 public:
  explicit ScalarTag(std::string_view tag);

 private:
  friend class EventEncoder;
  std::string bytes_;
};

/// A buffer of whole records. `wall_time` is in seconds since 1970, `step` may be any int64.
class EventEncoder {
 public:
  /// The first record of a file: its version, and which program wrote it (at most 128 characters).
  void file_version(double wall_time, std::string_view writer);

  /// SessionLog START: readers hide what earlier files of the directory hold from `step` on.
  void session_start(double wall_time, std::int64_t step);

  /// A float32 `simple_value`, as SummaryWriter.add_scalar writes it; NaN and infinities included.
  void scalar(const ScalarTag& tag, double wall_time, std::int64_t step, double value);

  /// A text summary under `tag` + "/text_summary", as SummaryWriter.add_text writes it.
  void text(std::string_view tag, double wall_time, std::int64_t step, std::string_view text);

  std::string_view records() const { return buffer_; }
  void clear() { buffer_.clear(); }  ///< keeps the memory

 private:
  std::size_t begin_record(double wall_time, std::int64_t step);
  void end_record(std::size_t begin);

  std::string buffer_;
};

}  // namespace trainer::tensorboard
