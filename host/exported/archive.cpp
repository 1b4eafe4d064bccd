// SPDX-License-Identifier: Apache-2.0
#include "exported/archive.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <bit>

#include "data/file_kind.hpp"
#include "exported/program_json.hpp"
#include "formats/booleans.hpp"
#include "trainer/error.hpp"

namespace trainer::exported {
namespace {

constexpr std::string_view remedy = "; give a file that libtrainer.export() or torch.export.save() wrote";

// What else is kept in files of these names.
std::string kind_of(const std::filesystem::path& path) {
  const FileReader file(path);
  if (file.size() == 0) return "it is empty";
  const auto kind = file_kind(file.read(0, std::min<std::uint64_t>(file.size(), 512)));
  if (kind.starts_with("a zip archive")) return "it is cut short or damaged";
  return kind.empty() ? "it is text" : "it is " + std::string(kind);
}

ZipArchive open_archive(const std::filesystem::path& path) {
  const std::string file = path.string();
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored)) refuse(file + ": there is no such model file; check the path");
  try {
    return ZipArchive(path);
  } catch (const std::exception& e) {
    refuse(file + " is not an archive of an exported model: " + kind_of(path) + " (" + e.what() + ")" +
           std::string(remedy));
  }
}

}  // namespace

Archive::Archive(const std::filesystem::path& path) : file_(path.string()), zip_(open_archive(path)) { identify(); }

void Archive::identify() {
  constexpr std::string_view format = "archive_format";
  bool script = false, saved = false;
  for (const auto& [name, member] : zip_.members()) {
    const auto slash = name.find('/');
    const std::string_view entry = std::string_view(name).substr(slash == name.npos ? 0 : slash + 1);
    if (entry == format) root_ = name.substr(0, name.size() - format.size());
    script |= entry == "constants.pkl" || entry.starts_with("code/");
    saved |= entry == "data.pkl";
  }
  if (!has(format) || text(format) != "pt2") {
    if (script)
      refuse(file_ + " is a TorchScript model, which cannot be trained as its module was; export the module with " +
             "libtrainer.export() instead");
    refuse(file_ + (saved ? " is a file of torch.save" : " is a zip archive") + ", but not an exported model" +
           std::string(remedy));
  }
  if (const auto version = text("archive_version"); version != "0")
    refuse(file_ + " is an archive of version \"" + version + "\", expected \"0\"" + damaged);
  if (has("byteorder") && text("byteorder") != (std::endian::native == std::endian::little ? "little" : "big"))
    refuse(file_ + " has its numbers in the byte order \"" + text("byteorder") +
           "\", which is not this machine's; export the model on a machine of this kind");
  constexpr std::string_view folder = "models/", suffix = ".json";
  for (const auto& [name, member] : zip_.members()) {
    if (!name.starts_with(root_ + std::string(folder)) || !name.ends_with(suffix)) continue;
    const auto start = root_.size() + folder.size();
    const std::string found = name.substr(start, name.size() - start - suffix.size());
    if (model_.empty() || found == "model") model_ = found;
  }
  if (model_.empty())
    refuse(file_ + " holds no models/*.json: a package that AOTInductor compiled cannot be trained" +
           std::string(remedy));
}

const ZipArchive::Member* Archive::find(std::string_view entry) const {
  const auto found = zip_.members().find(root_ + std::string(entry));
  return found == zip_.members().end() ? nullptr : &found->second;
}

const ZipArchive::Member& Archive::require(std::string_view entry) const {
  if (const auto* member = find(entry)) return *member;
  refuse(file_ + " has no entry \"" + std::string(entry) + "\"" + damaged);
}

void Archive::read(std::string_view entry, const ZipArchive::Member& member, void* to) const {
  try {
    zip_.read_checked(std::string(entry), member, to);
  } catch (const std::exception& e) {
    refuse(file_ + ": " + e.what() + "; the file is damaged, so use another copy or export the model again");
  }
}

std::string Archive::text(std::string_view entry) const {
  const auto& member = require(entry);
  std::string out(member.size, '\0');
  read(entry, member, out.data());
  return out;
}

json::value Archive::json(std::string_view entry) const {
  return parse(text(entry), file_ + ": " + std::string(entry));
}

at::Tensor Archive::numbers(std::string_view entry, at::ScalarType type) const {
  const auto& member = require(entry);
  const auto bytes = at::elementSize(type);
  if (member.size % bytes != 0)
    refuse(file_ + ": \"" + std::string(entry) + "\" ends within a number of " + std::to_string(bytes) + " bytes" +
           damaged);
  at::Tensor out = at::empty({static_cast<std::int64_t>(member.size / bytes)}, at::TensorOptions(type));
  if (member.size == 0) return out;
  read(entry, member, out.mutable_data_ptr());
  if (has_bytes_above_1(out)) refuse(file_ + ": \"" + std::string(entry) + "\" has booleans above 1" + damaged);
  return out;
}

std::optional<std::uint32_t> Archive::checksum(std::string_view entry) const {
  return zip_.has_checksums() ? std::optional(require(entry).crc) : std::nullopt;
}

}  // namespace trainer::exported
