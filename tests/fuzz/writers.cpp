// SPDX-License-Identifier: Apache-2.0
//
// What the csv and tensorboard plugins make of any text and number: cells that are read as they were, whole records.
#include <algorithm>
#include <cstring>

#include "fuzz.hpp"
#include "shared/csv_text/csv_text.hpp"
#include "tensorboard/event_encoder.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = fuzz::text(data, size);
  const std::string one(bytes.substr(0, size / 2)), two(bytes.substr(size / 2));

  std::string row;
  trainer::plugins::csv_text::append_text_cell(row, one);
  row += ',';
  trainer::plugins::csv_text::append_text_cell(row, two);
  fuzz::require(trainer::plugins::csv_text::split_row(row) == std::vector<std::string>{one, two},
                "cells are read as they were written");

  double number = 0;
  std::int64_t step = 0;
  std::memcpy(&number, data, std::min(size, sizeof number));
  std::memcpy(&step, data, std::min(size, sizeof step));
  trainer::tensorboard::EventEncoder encoder;
  encoder.file_version(number, one.substr(0, 128));
  encoder.scalar(trainer::tensorboard::ScalarTag(one), number, step, number);
  encoder.text(one, number, step, two);
  // TFRecord: length, its checksum, the event, its checksum.
  const auto records = encoder.records();
  int count = 0;
  for (std::size_t at = 0; at < records.size(); ++count) {
    std::uint64_t length = 0;
    fuzz::require(records.size() - at >= 16, "room for a record's frame");
    std::memcpy(&length, records.data() + at, sizeof length);
    fuzz::require(length <= records.size() - at - 16, "a record within the buffer");
    at += 16 + length;
  }
  fuzz::require(count == 3, "one record an event");
  return 0;
}
