// SPDX-License-Identifier: Apache-2.0
#include "border/map_view.hpp"

#include <algorithm>
#include <iterator>

#include "base/text.hpp"
#include "border/abi_sizes.hpp"

namespace trainer {

void fill_value(const json::value& v, trainer_value& out, std::string& scratch) {
  out.integer = 0;
  out.number = 0;
  out.text = {nullptr, 0};
  if (v.is_null()) {
    out.type = TRAINER_NULL;
  } else if (v.is_bool()) {
    out.type = TRAINER_BOOLEAN;
    out.integer = v.get_bool();
    out.number = static_cast<double>(out.integer);
  } else if (v.is_int64()) {
    out.type = TRAINER_INTEGER;
    out.integer = v.get_int64();
    out.number = static_cast<double>(out.integer);
  } else if (v.is_double()) {
    out.type = TRAINER_NUMBER;
    out.number = v.get_double();
  } else if (v.is_string()) {
    out.type = TRAINER_STRING;
    out.text = {v.get_string().data(), v.get_string().size()};
  } else {
    scratch = json::dump(v);
    out.type = TRAINER_JSON;
    out.text = {scratch.data(), scratch.size()};
  }
}

// The functions of a trainer_map. A null or foreign argument is answered, not followed.
struct MapFunctions {
  static constexpr std::uint64_t longest_key = 1 << 16, longest_text = 1 << 26;  // value.h states them

  static bool sane(const char* data, std::uint64_t size, std::uint64_t longest) {
    return size <= longest && (data || size == 0);
  }

  static const MapView& of(const trainer_map* map) { return *static_cast<const MapView*>(map); }

  static bool breaks_rule(const trainer_map* map, const char* function) {
    return call_check::on && call_check::breaks_rule(of(map).maker_, function);
  }

  static std::uint64_t size(const trainer_map* map) {
    return breaks_rule(map, "trainer_map.size") ? 0 : of(map).values_->size();
  }

  static std::int32_t at(const trainer_map* map, std::uint64_t index, trainer_text* key, trainer_value* value) {
    if (breaks_rule(map, "trainer_map.at")) return TRAINER_ERROR;
    const MapView& view = of(map);
    if (index >= view.values_->size()) return TRAINER_NOT_FOUND;
    if (value && !has_least_size(*value)) return TRAINER_ERROR;
    const auto& entry = *(view.values_->begin() + static_cast<std::ptrdiff_t>(index));
    if (key) *key = {entry.key().data(), entry.key().size()};
    if (value) fill_value(entry.value(), *value, view.scratch_);
    return TRAINER_OK;
  }

  static std::int32_t get(const trainer_map* map, const char* key, std::uint64_t size, trainer_value* value) {
    if (breaks_rule(map, "trainer_map.get")) return TRAINER_ERROR;
    const MapView& view = of(map);
    const auto* found = sane(key, size, longest_key) ? view.values_->if_contains({key, size}) : nullptr;
    if (!found) return TRAINER_NOT_FOUND;
    if (value && !has_least_size(*value)) return TRAINER_ERROR;
    if (value) fill_value(*found, *value, view.scratch_);
    return TRAINER_OK;
  }

  static std::int32_t set(trainer_map* map, const char* key, std::uint64_t size, const trainer_value* value) {
    if (breaks_rule(map, "trainer_map.set")) return TRAINER_ERROR;
    const MapView& view = of(map);
    if (view.read_only_ || !value || !has_least_size(*value) || !sane(key, size, longest_key) ||
        !sane(value->text.data, value->text.size, longest_text))
      return TRAINER_ERROR;
    const std::string_view text(value->text.data, value->text.size);
    if (!is_utf8({key, size}) || !is_utf8(text)) return TRAINER_ERROR;
    try {
      json::value v;
      switch (value->type) {
        case TRAINER_NULL:
          v = nullptr;
          break;
        case TRAINER_BOOLEAN:
          v = value->integer != 0;
          break;
        case TRAINER_INTEGER:
          v = value->integer;
          break;
        case TRAINER_NUMBER:
          v = value->number;
          break;
        case TRAINER_STRING:
          v = boost::json::string(text);
          break;
        case TRAINER_JSON:
          v = json::parse(text, "a value");
          break;
        default:
          return TRAINER_ERROR;
      }
      view.values_->insert_or_assign({key, size}, std::move(v));
      return TRAINER_OK;
    } catch (const std::exception&) {
      return TRAINER_ERROR;
    }
  }

  static std::int32_t remove(trainer_map* map, const char* key, std::uint64_t size) {
    if (breaks_rule(map, "trainer_map.remove")) return TRAINER_ERROR;
    const MapView& view = of(map);
    if (view.read_only_) return TRAINER_ERROR;
    if (!sane(key, size, longest_key)) return TRAINER_NOT_FOUND;
    const auto found = view.values_->find({key, size});
    if (found == view.values_->end()) return TRAINER_NOT_FOUND;
    view.values_->stable_erase(found);
    return TRAINER_OK;
  }

  static std::uint64_t read(const trainer_map* map, std::uint64_t first, std::uint64_t capacity, trainer_text* keys,
                            trainer_value* values) {
    if (breaks_rule(map, "trainer_map.read")) return 0;
    const MapView& view = of(map);
    const std::uint64_t all = view.values_->size();
    if (first >= all || capacity == 0 || !has_least_size(*values)) return 0;
    const std::uint64_t count = std::min(capacity, all - first);
    const std::size_t stride = values->struct_size;
    // Each list and object needs a place of its own for its text.
    std::string* scratch = nullptr;
    auto more = view.more_scratch_.before_begin();
    auto* at = reinterpret_cast<unsigned char*>(values);
    auto entry = view.values_->begin() + static_cast<std::ptrdiff_t>(first);
    for (std::uint64_t i = 0; i < count; ++i, ++entry, at += stride) {
      keys[i] = {entry->key().data(), entry->key().size()};
      if (entry->value().is_structured()) {
        if (scratch) {
          if (std::next(more) == view.more_scratch_.end()) view.more_scratch_.emplace_after(more);
          scratch = &*++more;
        } else {
          scratch = &view.scratch_;
        }
      }
      fill_value(entry->value(), *reinterpret_cast<trainer_value*>(at), scratch ? *scratch : view.scratch_);
    }
    return count;
  }
};

MapView::MapView(json::object* values, bool read_only)
    : trainer_map{sizeof(trainer_map),
                  0,
                  this,
                  &MapFunctions::size,
                  &MapFunctions::at,
                  &MapFunctions::get,
                  &MapFunctions::set,
                  &MapFunctions::remove,
                  &MapFunctions::read},
      values_(values),
      read_only_(read_only) {}

}  // namespace trainer
