// SPDX-License-Identifier: Apache-2.0
#include "formats/npy_header.hpp"

#include <algorithm>
#include <charconv>
#include <limits>
#include <utility>

#include "formats/file_role.hpp"
#include "trainer/error.hpp"

namespace trainer::npy {
namespace {

constexpr std::string_view magic("\x93NUMPY", 6);
constexpr std::uint64_t most_header = 1 << 20;  // NumPy itself reads 10,000 bytes
constexpr std::size_t most_dimensions = 64;     // NumPy's own limit

std::string quoted(std::string_view text) { return "'" + std::string(text.substr(0, 60)) + "'"; }

// The literal of a Python dict with these three keys, in any order.
class Dict {
 public:
  Dict(std::string_view text, const std::string& where) : left_(text), where_(where) { read(); }

  std::string_view descr;
  bool fortran = false;
  std::vector<std::int64_t> shape;

 private:
  [[noreturn]] void damaged(const std::string& expected) const {
    of_data.fail(where_ + ": found " + (left_.empty() ? "the header's end" : quoted(left_)) +
                 " in the header, expected " + expected);
  }

  void read() {
    take('{');
    bool seen[3] = {};
    while (!taken('}')) {
      const auto key = text();
      take(':');
      const std::size_t which = key == "descr" ? 0 : key == "fortran_order" ? 1 : key == "shape" ? 2 : 3;
      if (which == 3 || std::exchange(seen[which], true)) damaged("'descr', 'fortran_order' and 'shape', once each");
      if (which == 0) read_descr();
      if (which == 1) fortran = word();
      if (which == 2) read_shape();
      if (!taken(',') && !next_is('}')) damaged("',' or '}'");
    }
    if (!seen[0] || !seen[1] || !seen[2]) damaged("'descr', 'fortran_order' and 'shape'");
    blanks();
    if (!left_.empty()) damaged("its end");
  }

  void read_descr() {
    if (next_is('[') || next_is('('))
      throw_usage(error_id::data_invalid,
                  where_ + " is an array of records, expected one of numbers; write each field into a file of its own");
    descr = text();
  }

  bool word() {
    blanks();
    for (const auto& [name, value] : {std::pair<std::string_view, bool>("False", false), {"True", true}})
      if (left_.starts_with(name)) return left_.remove_prefix(name.size()), value;
    damaged("True or False");
  }

  void read_shape() {
    take('(');
    while (!taken(')')) {
      blanks();
      std::int64_t size = 0;
      const auto [end, error] = std::from_chars(left_.data(), left_.data() + left_.size(), size);
      if (error != std::errc() || size < 0) damaged("a number of the shape, from 0");
      left_.remove_prefix(static_cast<std::size_t>(end - left_.data()));
      if (left_.starts_with('L')) left_.remove_prefix(1);  // as Python 2 wrote it
      if (shape.size() == most_dimensions) damaged("at most 64 dimensions");
      shape.push_back(size);
      if (!taken(',') && !next_is(')')) damaged("',' or ')'");
    }
  }

  std::string_view text() {
    blanks();
    const char quote = left_.empty() ? '\0' : left_[0];
    const auto end = quote == '\'' || quote == '"' ? left_.find(quote, 1) : left_.npos;
    if (end == left_.npos) damaged("a text in quotes");
    const auto out = left_.substr(1, end - 1);
    left_.remove_prefix(end + 1);
    return out;
  }

  void blanks() { left_.remove_prefix(std::min(left_.find_first_not_of(" \t\n"), left_.size())); }
  bool next_is(char c) { return blanks(), left_.starts_with(c); }
  bool taken(char c) {
    if (!next_is(c)) return false;
    left_.remove_prefix(1);
    return true;
  }
  void take(char c) {
    if (!taken(c)) damaged(std::string("'") + c + "'");
  }

  std::string_view left_;
  const std::string& where_;
};

std::size_t type_of(std::string_view descr, const std::string& where) {
  const std::string_view order = descr.substr(0, 1), code = descr.substr(std::min<std::size_t>(1, descr.size()));
  for (std::size_t i = 0; i < types.size(); ++i)
    if (types[i].code == code &&
        (order == "<" || order == "=" || order == "|" || (order == ">" && types[i].bytes == 1)))
      return i;
  std::string names;
  for (const Type& type : types) names += (names.empty() ? "" : ", ") + std::string(type.name);
  const char kind = code.empty() ? '\0' : code[0];
  const bool number = std::string_view("fciub").find(kind) != std::string_view::npos && kind != '\0';
  throw_usage(error_id::data_invalid,
              where + " has elements of the type " + quoted(descr) +
                  (kind == 'O'                  ? " (objects of Python)"
                   : kind == 'U' || kind == 'S' ? " (texts)"
                   : order == ">"               ? " (big endian)"
                                                : "") +
                  ", expected one of " + names + "; " +
                  (number ? std::string("convert the array with astype(\"") +
                                (kind == 'f' || kind == 'c' ? "float32" : "int64") + "\") before numpy.save()"
                          : "write an array of numbers"));
}

}  // namespace

std::uint64_t header_end(std::string_view start, std::uint64_t file_size, const std::string& where) {
  if (!start.starts_with(magic))
    throw_usage(error_id::data_invalid,
                where + " does not begin as an array of NumPy does; write it with numpy.save()");
  if (file_size < 10 || start.size() < 10) of_data.fail(where + ": found " + std::to_string(file_size) + " bytes");
  const auto byte = [&](std::size_t i) { return static_cast<std::uint64_t>(static_cast<unsigned char>(start[i])); };
  const auto major = byte(6);
  if (major < 1 || major > 3 || byte(7) != 0)
    throw_usage(error_id::data_invalid, where + " is of the format " + std::to_string(major) + "." +
                                            std::to_string(byte(7)) +
                                            ", expected 1.0, 2.0 or 3.0; write it with numpy.save()");
  std::uint64_t length = byte(8) | byte(9) << 8;
  if (major > 1) {
    if (file_size < 12 || start.size() < 12) of_data.fail(where + ": found " + std::to_string(file_size) + " bytes");
    length |= byte(10) << 16 | byte(11) << 24;
  }
  const std::uint64_t begin = major == 1 ? 10 : 12, available = std::min(file_size - begin, most_header);
  if (length > available)
    of_data.fail(where + ": found a header length of " + std::to_string(length) + " bytes, expected at most " +
                 std::to_string(available));
  return begin + length;
}

Header read_header(std::string_view start, std::uint64_t file_size, const std::string& where) {
  Header out;
  out.begin = header_end(start.substr(0, start_size), file_size, where);
  const std::size_t text = start[6] == 1 ? 10 : 12;
  Dict dict(start.substr(text, out.begin - text), where);
  out.type = type_of(dict.descr, where);
  out.shape = std::move(dict.shape);
  // The product without zeros is checked too: strides are made of it.
  constexpr std::uint64_t limit = std::numeric_limits<std::int64_t>::max() / 8;
  std::uint64_t count = 1, strides = 1, wide = 0;
  for (const auto size : out.shape) {
    const auto n = static_cast<std::uint64_t>(size);
    if (n != 0 && strides > limit / n) of_data.fail(where + ": found a shape that is too large");
    strides *= std::max<std::uint64_t>(n, 1);
    count *= n;
    wide += n > 1;
  }
  if (dict.fortran && wide > 1)
    throw_usage(error_id::data_invalid,
                where +
                    " has its numbers column by column (Fortran order), expected row by row; write it with "
                    "numpy.save(file, numpy.ascontiguousarray(array))");
  const std::uint64_t bytes = count * types[out.type].bytes, found = file_size - out.begin;
  if (found != bytes)
    of_data.fail(where + ": found " + std::to_string(found) + " bytes of numbers, expected " + std::to_string(bytes) +
                 " by its shape and type");
  return out;
}

}  // namespace trainer::npy
