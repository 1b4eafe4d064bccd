// SPDX-License-Identifier: Apache-2.0
//
// The report of a crash, for the handlers of each system: nothing here may allocate, lock or format, because of the
// process there may be no heap, no lock or no stack left.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string_view>

#include "state/moment.hpp"
#include "trainer/error_ids.hpp"

namespace trainer::crash_report {

inline constexpr int exit_in_callback = 70;  // EX_SOFTWARE of sysexits.h

class Line {
 public:
  Line& text(std::string_view part);
  Line& number(std::int64_t value);
  Line& hexadecimal(std::uint32_t value);  ///< 0xC0000005
  /// Of a name, what can neither end a JSON string nor move the cursor.
  Line& plain(std::string_view part);
  std::string_view view() const { return {bytes_, size_}; }

 private:
  char bytes_[1024];
  std::size_t size_ = 0;
};

/// The moment of a call that is under way on this thread. What another thread does has nothing to do with the
/// callback that happens to be asked.
const Moment* call_under_way();

void report(const Moment& now, std::string_view how, ErrorId id);
/// The same of whoever it was; `step` -1: none.
void report(std::string_view callback, std::string_view call, std::int64_t step, std::string_view how, ErrorId id);

/// For what is to be called when the process ends by itself, but for a plugin's exit handlers, which seen_exit() tells.
void handle_end();

/// This process is from now on the one whose end is reported; what is forked off may end as it likes.
void begin_reports();
void end_reports();
bool reports_are_ours();

// The system's part.
void write_on_stderr(std::string_view text) noexcept;
/// Where write_record_file() writes, nowhere before; false: the path is too long.
bool keep_record_path(const std::filesystem::path& file);
void write_record_file(std::string_view text) noexcept;

}  // namespace trainer::crash_report
