// SPDX-License-Identifier: Apache-2.0
//
// One event file: created with its version record, then grown by whole records.
#pragma once

#include <string_view>

#include "event_encoder.hpp"
#include "trainer/sdk/file.hpp"

namespace trainer::tensorboard {

/// Whether the directory already holds event files, by TensorBoard's own test on the name.
bool has_event_files(const std::filesystem::path& directory);

class EventWriter {
 public:
  /// Makes the directory, and in it events.out.tfevents.<seconds>.<host>.<pid>.<counter>. The name
  /// sorts after those already there: readers take a directory's files in that order, and one that
  /// follows a running training only looks at later names. Throws sdk::FileError.
  explicit EventWriter(const std::filesystem::path& directory);

  /// Events are added here; flush() writes them.
  EventEncoder& events() { return events_; }

  /// One write of all events since the last flush. On failure an sdk::FileError; the events are
  /// dropped and the file ends in its last whole record.
  void flush();

  /// Call at the end: throws sdk::FileError when the system says only now that something could not be written.
  void close() { file_.close(); }

  const std::filesystem::path& path() const { return file_.path(); }
  std::filesystem::path directory() const { return file_.path().parent_path(); }

 private:
  EventEncoder events_;
  sdk::AppendFile file_;
};

}  // namespace trainer::tensorboard
