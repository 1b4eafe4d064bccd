// SPDX-License-Identifier: Apache-2.0
//
// Messages between two processes, arriving in any pieces.
#include <stdexcept>
#include <vector>

#include "child/frames.hpp"
#include "fuzz.hpp"

namespace {

// The messages, and whether the other side was found to speak something else.
std::pair<std::vector<std::string>, bool> read(std::string_view bytes, std::size_t piece) {
  trainer::child::FrameReader reader;
  std::vector<std::string> messages;
  try {
    for (std::size_t at = 0; at < bytes.size(); at += piece) {
      reader.feed(bytes.substr(at, piece));
      for (std::string body; reader.next(body);) messages.push_back(body);
    }
  } catch (const std::length_error&) {
    return {messages, true};
  }
  return {messages, false};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = fuzz::text(data, size);
  const auto whole = read(bytes, size + 1);
  fuzz::require(read(bytes, 1) == whole && read(bytes, 7) == whole, "the same messages whatever the pieces");
  std::string framed;
  trainer::child::append_frame(framed, bytes);
  fuzz::require(read(framed, 3).first == std::vector<std::string>{std::string(bytes)},
                "a message is read as it was sent");
  return 0;
}
