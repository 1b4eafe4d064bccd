// SPDX-License-Identifier: Apache-2.0
#include "discovery/plugin_claim.hpp"

#include <trainer/plugin.h>

#include <algorithm>
#include <cstring>
#include <string_view>

#include "discovery/input_file.hpp"
#include "trainer/json.hpp"

namespace trainer {
namespace {

constexpr std::uint64_t most_read = std::uint64_t{1} << 26;
constexpr std::string_view magic(TRAINER_NOTE_MAGIC, sizeof TRAINER_NOTE_MAGIC);

std::string text_of(const json::object& note, std::string_view key) {
  const auto* found = note.if_contains(key);
  return found && found->is_string() ? std::string(found->get_string()) : std::string();
}

// Of the bytes that begin with the magic ones; nothing when they are no note.
PluginClaim claim_of(std::string_view bytes) try {
  trainer_note head;
  if (bytes.size() < sizeof head) return {};
  std::memcpy(&head, bytes.data(), sizeof head);
  const json::value note = json::parse(bytes.substr(sizeof head, head.json_size), "a note");
  return note.is_object() ? PluginClaim{text_of(note.get_object(), "id"), text_of(note.get_object(), "report_to")}
                          : PluginClaim{};
} catch (const std::exception&) {
  return {};
}

}  // namespace

PluginClaim plugin_claim(const std::filesystem::path& path) try {
  const InputFile file(path, InputFile::Links::followed);
  const std::string content = file.read(0, std::min(file.size(), most_read));
  const std::string_view bytes = content;
  // A program may have the magic bytes elsewhere, too.
  for (auto at = bytes.find(magic); at != bytes.npos; at = bytes.find(magic, at + 1))
    if (auto claim = claim_of(bytes.substr(at)); !claim.id.empty()) return claim;
  return {};
} catch (const std::exception&) {
  return {};
}

}  // namespace trainer
