// SPDX-License-Identifier: Apache-2.0
#include "data/file_kind.hpp"

#include <array>

namespace trainer {
namespace {

struct Kind {
  std::string_view begin, name;
};

using namespace std::string_view_literals;

constexpr std::array<Kind, 24> kinds{{
    {"\xff\xfe\0\0"sv, "text in UTF-32"},
    {"\0\0\xfe\xff"sv, "text in UTF-32"},
    {"\xff\xfe"sv, "text in UTF-16"},
    {"\xfe\xff"sv, "text in UTF-16"},
    {"\x93NUMPY"sv, "an array of NumPy (.npy)"},
    {"\x1f\x8b"sv, "compressed by gzip (.gz)"},
    {"PK\x03\x04"sv, "a zip archive (.zip, .npz, .xlsx, .pt)"},
    {"PK\x05\x06"sv, "an empty zip archive"},
    {"ARROW1\0"sv, "an Arrow or Feather file"},
    {"FEA1\0"sv, "a Feather file"},
    {"Obj\x01"sv, "an Avro file"},
    {"BZh91AY&SY"sv, "compressed by bzip2 (.bz2)"},
    {"\xfd\x37zXZ\0"sv, "compressed by xz (.xz)"},
    {"\x28\xb5\x2f\xfd"sv, "compressed by Zstandard (.zst)"},
    {"\x04\x22\x4d\x18"sv, "compressed by lz4 (.lz4)"},
    {"7z\xbc\xaf\x27\x1c"sv, "a 7-Zip archive"},
    {"Rar!\x1a"sv, "a RAR archive"},
    {"\x89HDF\r\n"sv, "an HDF5 file"},
    {"SQLite format 3\0"sv, "an SQLite database"},
    {"\xd0\xcf\x11\xe0"sv, "an old Excel file (.xls)"},
    {"%PDF-"sv, "a PDF document"},
    {"\x89PNG"sv, "a PNG image"},
    {"\x7f\x45LF"sv, "a program or library"},
    {"version https://git-lfs"sv, "a pointer of Git LFS, whose file was not fetched"},
}};

bool begins(std::string_view bytes, std::string_view with) { return bytes.substr(0, with.size()) == with; }

}  // namespace

std::string_view file_kind(std::string_view bytes) {
  for (const auto& kind : kinds)
    if (begins(bytes, kind.begin)) return kind.name;
  if (bytes.size() > 1 && bytes[0] == '\x80' && bytes[1] >= '\x02' && bytes[1] <= '\x05') return "a pickle of Python";
  if (bytes.size() > 262 && bytes.substr(257, 5) == "ustar") return "a tar archive";
  // A header may begin with such letters, too.
  if (begins(bytes, "PAR1") && bytes.size() > 4 && static_cast<unsigned char>(bytes[4]) < ' ' && bytes[4] != '\t' &&
      bytes[4] != '\n' && bytes[4] != '\r')
    return "a Parquet file";
  const auto start = bytes.find_first_not_of(" \t\r\n");
  const std::string_view text = start == bytes.npos ? std::string_view() : bytes.substr(start, 16);
  if (begins(text, "<!DOCTYPE") || begins(text, "<!doctype") || begins(text, "<html") || begins(text, "<?xml"))
    return "a web page or XML";
  if (begins(text, "{")) return "JSON";
  if (begins(text, "[") && text.size() > 1 && std::string_view("{[\" \r\n-0123456789").find(text[1]) != text.npos)
    return "JSON";
  const std::string_view sample = bytes.substr(0, 4096);
  if (const auto zero = sample.find('\0'); zero != sample.npos)
    return zero <= 1 && bytes.size() > 3 && bytes[zero ^ 2] == '\0' ? "text in UTF-16" : "binary";
  return {};
}

}  // namespace trainer
