// SPDX-License-Identifier: Apache-2.0
//
// Values, and maps over them, for a plugin's unit tests; see fake_host.hpp.
#pragma once

#include <trainer/value.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace trainer::sdk::testing {

/// One value that owns its text.
struct Cell {
  Cell() = default;
  explicit Cell(bool v) : type(TRAINER_BOOLEAN), integer(v) {}
  explicit Cell(int v) : type(TRAINER_INTEGER), integer(v) {}
  explicit Cell(std::int64_t v) : type(TRAINER_INTEGER), integer(v) {}
  explicit Cell(double v) : type(TRAINER_NUMBER), number(v) {}
  explicit Cell(const char* v) : Cell(std::string(v)) {}
  explicit Cell(std::string v) : type(TRAINER_STRING), text(std::move(v)) {}

  void give(trainer_value* out) const {
    out->type = type;
    out->integer = integer;
    out->number = type == TRAINER_NUMBER ? number : static_cast<double>(integer);
    out->text = {text.data(), text.size()};
  }

  std::uint32_t type = TRAINER_NULL;
  std::int64_t integer = 0;
  double number = 0;
  std::string text;
};

/// A list or an object, given as its JSON.
inline Cell json_cell(std::string text) {
  Cell cell(std::move(text));
  cell.type = TRAINER_JSON;
  return cell;
}

/// Logs, metrics, a state: in order, keys unique.
using Row = std::vector<std::pair<std::string, Cell>>;

inline std::string text_of(const char* data, std::uint64_t size) {
  return data == nullptr ? std::string() : std::string(data, static_cast<std::size_t>(size));
}

/// Well-formed UTF-8: no overlong form, no surrogate, nothing past U+10FFFF.
inline bool is_utf8(const std::string& text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto byte = [&](std::size_t at) -> unsigned {
      return at < text.size() ? static_cast<unsigned char>(text[at]) : 0;
    };
    const unsigned head = byte(i);
    const std::size_t more = head < 0x80   ? 0
                             : head < 0xC2 ? 9
                             : head < 0xE0 ? 1
                             : head < 0xF0 ? 2
                             : head < 0xF5 ? 3
                                           : 9;
    if (more == 9) return false;
    unsigned code = more == 0 ? head : head & (0x3Fu >> more);
    for (std::size_t k = 1; k <= more; ++k) {
      if ((byte(i + k) & 0xC0u) != 0x80) return false;
      code = code << 6 | (byte(i + k) & 0x3Fu);
    }
    if ((more == 2 && (code < 0x800 || (code >= 0xD800 && code < 0xE000))) ||
        (more == 3 && (code < 0x10000 || code > 0x10FFFF)))
      return false;
    i += more + 1;
  }
  return true;
}

/// trainer_map over a Row: for reading, or for changing too when the Row is not const. A text that
/// it gives dies with the next call, as the contract allows: a plugin that keeps one reads garbage
/// here, and not only with another host.
class FakeMap {
 public:
  explicit FakeMap(const Row& row) : FakeMap(row, nullptr) {}
  explicit FakeMap(Row& row) : FakeMap(row, &row) {}
  FakeMap(const FakeMap&) = delete;
  FakeMap& operator=(const FakeMap&) = delete;
  trainer_map* table() { return &table_; }

 private:
  FakeMap(const Row& row, Row* writable) : row_(row), writable_(writable) {
    // So that tests can count a plugin's allocations.
    key_.reserve(256), text_.reserve(4096), many_.reserve(65536);
    table_.struct_size = sizeof table_;
    table_.data = this;
    table_.size = [](const trainer_map* map) -> std::uint64_t { return of(map).row_.size(); };
    table_.at = [](const trainer_map* map, std::uint64_t i, trainer_text* key, trainer_value* value) {
      return of(map).give(i, key, value);
    };
    table_.get = [](const trainer_map* map, const char* key, std::uint64_t size, trainer_value* value) {
      return of(map).give(of(map).find(text_of(key, size)), nullptr, value);
    };
    table_.set = [](trainer_map* map, const char* key, std::uint64_t size, const trainer_value* value) {
      return of(map).set(text_of(key, size), *value);
    };
    table_.remove = [](trainer_map* map, const char* key, std::uint64_t size) {
      return of(map).remove(text_of(key, size));
    };
    table_.read = [](const trainer_map* map, std::uint64_t first, std::uint64_t capacity, trainer_text* keys,
                     trainer_value* values) { return of(map).read(first, capacity, keys, values); };
  }

  static FakeMap& of(const trainer_map* map) { return *static_cast<FakeMap*>(map->data); }

  std::size_t find(const std::string& key) const {
    const auto found = std::find_if(row_.begin(), row_.end(), [&](const auto& entry) { return entry.first == key; });
    return static_cast<std::size_t>(found - row_.begin());
  }

  void spoil_lent_texts() {
    for (std::string* text : {&key_, &text_, &many_}) std::fill(text->begin(), text->end(), '#');
  }

  std::int32_t give(std::uint64_t index, trainer_text* key, trainer_value* value) {
    spoil_lent_texts();
    if (index >= row_.size()) return TRAINER_NOT_FOUND;
    const auto& [name, cell] = row_[static_cast<std::size_t>(index)];
    key_.assign(name), text_.assign(cell.text);
    if (key != nullptr) *key = {key_.data(), key_.size()};
    cell.give(value);
    value->text = {text_.data(), text_.size()};
    return TRAINER_OK;
  }

  std::uint64_t read(std::uint64_t first, std::uint64_t capacity, trainer_text* keys, trainer_value* values) {
    spoil_lent_texts();
    many_.clear();
    const std::uint64_t end = first < row_.size() ? first + std::min(capacity, row_.size() - first) : first;
    std::size_t bytes = 0;
    for (std::uint64_t i = first; i < end; ++i) bytes += row_[i].first.size() + row_[i].second.text.size();
    many_.reserve(bytes);
    const auto keep = [&](const std::string& text) {
      many_ += text;
      return trainer_text{many_.data() + many_.size() - text.size(), text.size()};
    };
    const std::uint32_t stride = end > first ? values->struct_size : 0;
    for (std::uint64_t i = first; i < end; ++i) {
      auto* value = reinterpret_cast<trainer_value*>(reinterpret_cast<char*>(values) + (i - first) * stride);
      row_[i].second.give(value);
      keys[i - first] = keep(row_[i].first);
      value->text = keep(row_[i].second.text);
    }
    return end - first;
  }

  std::int32_t set(const std::string& key, const trainer_value& value) {
    Cell cell;
    cell.type = value.type, cell.integer = value.integer, cell.number = value.number;
    cell.text = text_of(value.text.data, value.text.size);
    if (writable_ == nullptr || value.type > TRAINER_JSON || !is_utf8(key) || !is_utf8(cell.text)) return TRAINER_ERROR;
    const std::size_t at = find(key);
    if (at == row_.size())
      writable_->emplace_back(key, std::move(cell));
    else
      (*writable_)[at].second = std::move(cell);
    return TRAINER_OK;
  }

  std::int32_t remove(const std::string& key) {
    if (writable_ == nullptr) return TRAINER_ERROR;
    const std::size_t at = find(key);
    if (at == row_.size()) return TRAINER_NOT_FOUND;
    writable_->erase(writable_->begin() + static_cast<std::ptrdiff_t>(at));
    return TRAINER_OK;
  }

  const Row& row_;
  Row* writable_;
  trainer_map table_{};
  std::string key_, text_, many_;
};

}  // namespace trainer::sdk::testing
