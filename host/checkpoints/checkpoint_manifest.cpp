// SPDX-License-Identifier: Apache-2.0
#include "checkpoints/checkpoint_manifest.hpp"

#include <random>

#include "state/checkpoint_names.hpp"
#include "trainer/error.hpp"
#include "trainer/files.hpp"
#include "trainer/json.hpp"

namespace trainer {
namespace fs = std::filesystem;
namespace {

constexpr const char* digest_key = "xxh3_64";

std::string manifest_text(const json::object& content) {
  return json::dump(content, {.indent = 2, .sort_keys = true}) + "\n";
}

[[noreturn]] void damaged_manifest(const fs::path& file, const std::string& what) {
  throw_run(error_id::checkpoint_damaged, file.string() + ": " + what +
                                              "; the file is damaged, so use another copy or an earlier checkpoint, or "
                                              "remove it to do without the check of the files beside it");
}

CheckpointManifest read_content(const json::object& content) {
  CheckpointManifest out;
  out.run.id = std::string(content.at("run_id").as_string());
  if (const auto* until = content.if_contains("unnamed_until")) out.run.unnamed_until = until->as_int64();
  for (const auto& [name, file] : content.at("files").as_object())
    out.files[name] = {file.at("bytes").to_number<std::uint64_t>(), std::string(file.at(digest_key).as_string())};
  return out;
}

}  // namespace

RunIdentity RunIdentity::make() {
  std::random_device random;
  RunIdentity out;
  for (int i = 0; i < 4; ++i)
    for (auto bits = random(), digit = 0u; digit < 8; ++digit, bits >>= 4) out.id += "0123456789abcdef"[bits & 15];
  return out;
}

bool RunIdentity::owns(const fs::path& checkpoint) const try {
  if (!fs::is_directory(checkpoint)) return false;
  if (const auto manifest = CheckpointManifest::load(checkpoint)) return manifest->run.id == id;
  const auto step = checkpoint_step(checkpoint.filename().string());
  return step && *step <= unnamed_until;
} catch (const std::exception&) {
  return false;  // whoever wrote it
}

void CheckpointManifest::add(const std::string& name, std::string_view bytes) {
  Digest digest;
  digest.add(bytes);
  add(name, digest);
}

void CheckpointManifest::add_below(const fs::path& directory, const std::string& name) {
  if (!fs::is_directory(directory / name)) return;
  for (const auto& one : fs::recursive_directory_iterator(directory / name))
    if (one.is_regular_file())
      files[one.path().lexically_relative(directory).generic_string()] = {one.file_size(), digest_of_file(one.path())};
}

void CheckpointManifest::save(const fs::path& directory) const {
  json::object listed;
  for (const auto& [name, file] : files)
    listed.emplace(name, json::object{{"bytes", file.bytes}, {digest_key, file.digest}});
  json::object content{{"files", std::move(listed)}, {"run_id", run.id}};
  if (run.unnamed_until >= 0) content.emplace("unnamed_until", run.unnamed_until);
  content.emplace(digest_key, digest_of(manifest_text(content)));
  replace_file(directory / manifest_file, manifest_text(content));
}

std::optional<CheckpointManifest> CheckpointManifest::load(const fs::path& directory) {
  const fs::path file = directory / manifest_file;
  if (std::error_code ec; !fs::exists(fs::symlink_status(file, ec))) return std::nullopt;
  const std::string text = read_file(file);
  try {
    json::object content = json::parse(text, file.string()).as_object();
    if (manifest_text(content) != text) damaged_manifest(file, "its text is not as it was written");
    const std::string digest(content.at(digest_key).as_string());
    content.erase(digest_key);
    if (digest_of(manifest_text(content)) != digest) damaged_manifest(file, "its digest is that of another text");
    return read_content(content);
  } catch (const Error& e) {
    if (e.id().text == error_id::checkpoint_damaged.text) throw;
    damaged_manifest(file, e.sentence());
  } catch (const std::exception&) {  // a value of another kind
    damaged_manifest(file, "a value is missing or of another kind");
  }
}

void CheckpointManifest::check(const fs::path& directory, const std::string& name) const {
  const auto listed = files.find(name);
  if (listed == files.end()) return;
  const fs::path file = directory / name;
  std::string found;
  std::error_code ec;
  if (const auto bytes = fs::file_size(file, ec); ec)
    found = "cannot be read (" + ec.message() + ")";
  else if (bytes != listed->second.bytes)
    found = "has " + std::to_string(bytes) + " bytes, expected " + std::to_string(listed->second.bytes);
  else if (const auto digest = digest_of_file(file); digest != listed->second.digest)
    found = "has other bytes than were written (XXH3 " + digest + ", expected " + listed->second.digest + ")";
  if (found.empty()) return;
  throw_run(error_id::checkpoint_damaged, file.string() + " " + found +
                                              "; use another copy or an earlier checkpoint, or remove " +
                                              manifest_file + " beside it if it was changed on purpose");
}

void CheckpointManifest::check_all(const fs::path& directory) const {
  for (const auto& file : files) check(directory, file.first);
}

}  // namespace trainer
