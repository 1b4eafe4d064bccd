// SPDX-License-Identifier: Apache-2.0
#include "formats/pickle_reader.hpp"

#include <ATen/ATen.h>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <stdexcept>
#include <unordered_map>
#include <unordered_set>

#include "formats/python_value.hpp"

namespace trainer {
namespace {

constexpr std::uint32_t max_depth = 64;

[[noreturn]] void bad_pickle(const std::string& what) { throw std::runtime_error(what); }
[[noreturn]] void nonsense() { bad_pickle("its pickle is not valid"); }

// A value on the stack. A class or function is its name, which no value can be.
struct Item {
  c10::IValue value;
  std::string global;
};

// What is in a container, and whether that is settled: a container that is in another one takes nothing more, so that
// none is within itself.
struct Extent {
  std::uint32_t depth = 0;
  std::uint64_t parts = 1;
  bool closed = false;
};

const std::unordered_map<std::string, at::ScalarType> storage_types{
    {"torch FloatStorage", at::kFloat},       {"torch DoubleStorage", at::kDouble}, {"torch HalfStorage", at::kHalf},
    {"torch BFloat16Storage", at::kBFloat16}, {"torch LongStorage", at::kLong},     {"torch IntStorage", at::kInt},
    {"torch ShortStorage", at::kShort},       {"torch CharStorage", at::kChar},     {"torch ByteStorage", at::kByte},
    {"torch BoolStorage", at::kBool}};

class PickleReader {
 public:
  PickleReader(std::string_view pickle, const ReadStorage& read_storage)
      : left_(pickle), read_storage_(read_storage), max_parts_(16 * pickle.size()) {}

  c10::IValue read() {
    while (step()) {
    }
    return pop_value();
  }

 private:
  // One instruction (pickletools.py lists them); false at the end.
  bool step() {
    switch (const auto code = static_cast<unsigned char>(take(1)[0])) {
      case 0x80:
        take(1);  // the protocol
        break;
      case '.':
        return false;
      case '(':
        marks_.push_back(stack_.size());
        break;
      case 'N':
        push({});
        break;
      case 0x88:
      case 0x89:
        push(code == 0x88);
        break;
      case 'K':
        push(static_cast<std::int64_t>(number(1)));
        break;
      case 'M':
        push(static_cast<std::int64_t>(number(2)));
        break;
      case 'J':
        push(std::int64_t{static_cast<std::int32_t>(number(4))});
        break;
      case 0x8a:
        push(long_number(number(1)));
        break;
      case 'G':
        push(real_number());
        break;
      case 'X':
        push(std::string(take(number(4))));
        break;
      case 'U':
        push(std::string(take(number(1))));
        break;
      case ']':
        push_container(python::make_list(), {});
        break;
      case '}':
        push_container(python::make_dict(), {});
        break;
      case ')':
        push_tuple({});
        break;
      case 't':
        push_tuple(pop_to_mark());
        break;
      case 0x85:
      case 0x86:
      case 0x87:
        push_tuple(pop(code - 0x84));
        break;
      case 'a':
        append(pop(1));
        break;
      case 'e':
        append(pop_to_mark());
        break;
      case 's':
        set_items(pop(2));
        break;
      case 'u':
        set_items(pop_to_mark());
        break;
      case 'q':
      case 'r':
        keep(number(code == 'q' ? 1 : 4));
        break;
      case 'h':
      case 'j':
        stack_.push_back(kept(number(code == 'h' ? 1 : 4)));
        break;
      case 'c':
        push_global();
        break;
      case 'R':
        reduce();
        break;
      case 'b':
        pop(1);  // attributes of a container
        break;
      case 'Q':
        push_storage();
        break;
      default:
        bad_pickle("its pickle has the instruction " + std::to_string(code) +
                   ", which is not among those that torch.save uses");
    }
    return true;
  }

  // ---- bytes ----
  std::string_view take(std::uint64_t bytes) {
    if (bytes > left_.size()) bad_pickle("its pickle is cut short");
    const auto out = left_.substr(0, bytes);
    left_.remove_prefix(bytes);
    return out;
  }
  std::uint64_t number(int bytes) {
    const auto text = take(static_cast<std::uint64_t>(bytes));
    std::uint64_t value = 0;
    for (int i = bytes - 1; i >= 0; --i) value = value << 8 | static_cast<unsigned char>(text[i]);
    return value;
  }
  std::int64_t long_number(std::uint64_t bytes) {
    if (bytes > 8) bad_pickle("its pickle has an integer of more than 64 bits");
    if (bytes == 0) return 0;
    const auto unused = static_cast<int>(64 - 8 * bytes);  // the sign is that of the last byte
    return static_cast<std::int64_t>(number(static_cast<int>(bytes)) << unused) >> unused;
  }
  double real_number() {
    std::uint64_t bits = 0;
    for (const char c : take(8)) bits = bits << 8 | static_cast<unsigned char>(c);
    return std::bit_cast<double>(bits);
  }
  std::string line() {
    const auto end = left_.find('\n');
    if (end == left_.npos) bad_pickle("its pickle is cut short");
    std::string out(left_.substr(0, end));
    left_.remove_prefix(end + 1);
    return out;
  }

  // ---- the stack ----
  void push(c10::IValue value) { stack_.push_back({std::move(value), {}}); }
  std::vector<c10::IValue> pop(std::size_t count) {
    const std::size_t floor = marks_.empty() ? 0 : marks_.back();
    if (stack_.size() - floor < count) nonsense();
    std::vector<c10::IValue> out;
    for (auto at = stack_.end() - static_cast<std::ptrdiff_t>(count); at != stack_.end(); ++at) {
      if (!at->global.empty() && !storage_types.contains(at->global))
        bad_pickle("its pickle has '" + at->global + "' as a value");
      out.push_back(at->global.empty() ? std::move(at->value) : c10::IValue(at->global));
    }
    stack_.resize(stack_.size() - count);
    return out;
  }
  c10::IValue pop_value() { return std::move(pop(1)[0]); }
  std::vector<c10::IValue> pop_to_mark() {
    if (marks_.empty()) nonsense();
    auto out = pop(stack_.size() - marks_.back());
    marks_.pop_back();
    return out;
  }
  void keep(std::uint64_t number) {
    // Numbers are given one after the other, so that none asks for a table of another size.
    if (stack_.empty() || number > kept_.size()) nonsense();
    if (number == kept_.size()) kept_.emplace_back();
    kept_[number] = stack_.back();
  }
  const Item& kept(std::uint64_t number) const {
    if (number >= kept_.size()) nonsense();
    return kept_[number];
  }

  // ---- containers ----
  void push_container(c10::IValue value, Extent extent) {
    extents_[value.internalToPointer()] = extent;
    containers_.push_back(value);  // so that no other one gets its address
    push(std::move(value));
  }
  void push_tuple(std::vector<c10::IValue> items) {
    Extent extent{.closed = true};
    for (const auto& item : items) add(extent, item, nullptr);
    push_container(c10::ivalue::Tuple::create(std::move(items)), extent);
  }
  void add(Extent& extent, const c10::IValue& item, const void* into) {
    if (item.isTuple() || item.isList() || item.isGenericDict()) {
      Extent& inner = extents_.at(item.internalToPointer());
      if (item.internalToPointer() == into) bad_pickle("its pickle has a container within itself");
      inner.closed = true;
      extent.depth = std::max(extent.depth, inner.depth + 1);
      extent.parts += inner.parts;
    } else {
      ++extent.parts;
    }
    if (extent.depth > max_depth) bad_pickle("its pickle nests more than " + std::to_string(max_depth) + " containers");
    if (extent.parts > max_parts_) bad_pickle("its pickle repeats its containers more often than it is long");
  }
  // The container on the top of the stack, with what comes into it.
  c10::IValue fill(const std::vector<c10::IValue>& items) {
    if (stack_.empty() || !stack_.back().global.empty()) nonsense();
    const c10::IValue& container = stack_.back().value;
    if (!container.isList() && !container.isGenericDict()) nonsense();
    Extent& extent = extents_.at(container.internalToPointer());
    if (extent.closed) bad_pickle("its pickle changes a container that is in another one");
    for (const auto& item : items) add(extent, item, container.internalToPointer());
    return container;
  }
  void append(const std::vector<c10::IValue>& items) {
    const c10::IValue container = fill(items);
    if (!container.isList()) nonsense();
    python::List list = container.toList();
    for (const auto& item : items) list.push_back(item);
  }
  void set_items(const std::vector<c10::IValue>& items) {
    const c10::IValue container = fill(items);
    if (!container.isGenericDict() || items.size() % 2 != 0) nonsense();
    python::Dict dict = container.toGenericDict();
    for (std::size_t i = 0; i < items.size(); i += 2) {
      if (!items[i].isString() && !items[i].isInt())
        bad_pickle("its pickle has a key that is neither text nor integer");
      dict.insert_or_assign(items[i], items[i + 1]);
    }
  }

  // ---- classes, functions, tensors ----
  void push_global() {
    std::string name = line();
    name += ' ';
    name += line();
    if (!storage_types.contains(name) && name != "collections OrderedDict" && name != "torch._utils _rebuild_tensor_v2")
      bad_pickle("it needs '" + name + "', and no classes but containers and tensors are read");
    stack_.push_back({{}, std::move(name)});
  }
  void reduce() {
    const c10::IValue arguments = pop_value();
    if (!arguments.isTuple() || stack_.empty()) nonsense();
    const std::string function = std::move(stack_.back().global);
    stack_.pop_back();
    const auto& items = arguments.toTupleRef().elements();
    if (function == "collections OrderedDict" && items.empty())
      push_container(python::make_dict(), {});
    else if (function == "torch._utils _rebuild_tensor_v2" && items.size() >= 4)
      push(rebuild(items[0], items[1], items[2], items[3]));
    else
      nonsense();
  }
  // ('storage', class, name, device, elements)
  void push_storage() {
    const c10::IValue id = pop_value();
    if (!id.isTuple()) nonsense();
    const auto& items = id.toTupleRef().elements();
    if (items.size() < 5 || !items[1].isString() || !items[2].isString() || !items[4].isInt()) nonsense();
    const auto type = storage_types.find(items[1].toStringRef());
    if (type == storage_types.end()) nonsense();
    const std::string& name = items[2].toStringRef();
    auto found = storages_.find(name);
    if (found == storages_.end()) {
      found = storages_.emplace(name, read_storage_(name, type->second)).first;
      loaded_ += found->second.nbytes();
    }
    const at::Tensor& storage = found->second;
    const std::int64_t elements = items[4].toInt();
    if (storage.scalar_type() != type->second) nonsense();
    if (elements < 0 || elements > storage.numel())
      bad_pickle("a tensor of " + std::to_string(elements * storage.element_size()) + " bytes has " +
                 std::to_string(storage.nbytes()) + " bytes of data");
    push(storage);
  }
  static std::vector<std::int64_t> integers(const c10::IValue& value) {
    if (!value.isTuple()) nonsense();
    std::vector<std::int64_t> out;
    for (const auto& item : value.toTupleRef().elements()) {
      if (!item.isInt() || item.toInt() < 0) nonsense();
      out.push_back(item.toInt());
    }
    return out;
  }
  at::Tensor rebuild(const c10::IValue& storage, const c10::IValue& offset, const c10::IValue& sizes,
                     const c10::IValue& strides) {
    if (!storage.isTensor() || !offset.isInt() || offset.toInt() < 0) nonsense();
    const at::Tensor data = storage.toTensor();
    const auto shape = integers(sizes), steps = integers(strides);
    if (shape.size() != steps.size() || shape.size() > 64) nonsense();
    // Elements and their places are no more than the storage has: nothing that is made of the tensor is larger.
    const auto available = static_cast<unsigned __int128>(data.numel());
    unsigned __int128 elements = 1, last = static_cast<unsigned __int128>(offset.toInt());
    const bool empty = std::find(shape.begin(), shape.end(), 0) != shape.end();
    for (std::size_t i = 0; i < shape.size() && !empty; ++i) {
      elements *= static_cast<unsigned __int128>(shape[i]);
      last += static_cast<unsigned __int128>(shape[i] - 1) * static_cast<unsigned __int128>(steps[i]);
      if (elements > available || last >= available) break;
    }
    if (empty) return at::empty(shape, data.options());
    if (elements > available || last >= available)
      bad_pickle("a tensor reaches beyond its " + std::to_string(data.nbytes()) + " bytes of data");
    const at::Tensor tensor = data.as_strided(shape, steps, offset.toInt());
    // Each tensor has memory of its own, even if the file's share it: what takes it over may write to it.
    if (used_.insert(data.unsafeGetTensorImpl()).second) return tensor;
    cloned_ += tensor.nbytes();
    if (cloned_ > loaded_) bad_pickle("its tensors share their data too often");
    return tensor.clone();
  }

  std::string_view left_;
  const ReadStorage& read_storage_;
  const std::uint64_t max_parts_;
  std::vector<Item> stack_, kept_;
  std::vector<std::size_t> marks_;
  std::vector<c10::IValue> containers_;
  std::unordered_map<const void*, Extent> extents_;
  std::unordered_map<std::string, at::Tensor> storages_;
  std::unordered_set<const void*> used_;
  std::uint64_t loaded_ = 0, cloned_ = 0;  ///< bytes
};

}  // namespace

c10::IValue read_pickle(std::string_view pickle, const ReadStorage& read_storage) {
  return PickleReader(pickle, read_storage).read();
}

}  // namespace trainer
