// SPDX-License-Identifier: Apache-2.0
#include <tuple>

#include "exported/weights.hpp"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <zlib.h>

#include <cstdio>

#include "exported/overflow.hpp"
#include "exported/program_json.hpp"
#include "exported/schema_types.hpp"

namespace trainer::exported {
namespace {

std::vector<std::int64_t> read_ints(const ProgramJson& list) {
  std::vector<std::int64_t> out;
  for (std::size_t i = 0; i < list.size(); ++i) {
    out.push_back(list.at(i).at("as_int").integer());
    if (out.back() < 0) list.wrong("numbers from 0");
  }
  return out;
}

// Whether the elements lie within a storage of `numbers`; nothing overflows.
bool lies_within(const std::vector<std::int64_t>& sizes, const std::vector<std::int64_t>& strides, std::int64_t offset,
                 std::int64_t numbers) {
  std::int64_t last = offset;
  for (const auto size : sizes)
    if (size == 0) return offset <= numbers;
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    std::int64_t reach = 0;
    if (mul_overflows(sizes[i] - 1, strides[i], &reach) || add_overflows(last, reach, &last)) return false;
  }
  return last < numbers;
}

// The weights of one folder of the archive.
class Folder {
 public:
  Folder(const Archive& archive, std::string folder) : archive_(archive), folder_(std::move(folder)) {}

  std::vector<Weight> read(const std::string& config) {
    if (!archive_.has(folder_ + config)) return {};
    const json::value parsed = archive_.json(folder_ + config);
    const std::string where = archive_.file() + ": " + folder_ + config;
    const auto entries = ProgramJson(parsed, where).at("config");
    std::vector<Weight> out;
    for (const auto& entry : entries.object()) {
      const std::string name(entry.key());
      const std::string place = where + ": \"" + name + "\"";
      out.push_back(read_one(name, ProgramJson(entry.value(), place)));
    }
    return out;
  }

 private:
  Weight read_one(const std::string& name, const ProgramJson& entry) {
    const std::string path(entry.at("path_name").text());
    if (entry.at("use_pickle").boolean() || path.starts_with("custom_obj"))
      refuse(entry.where() + " is an object of Python, which cannot be read here; export a model whose weights and " +
             "constants are plain tensors");
    const auto meta = entry.at("tensor_meta");
    const auto type = scalar_type(meta.at("dtype"));
    layout(meta.at("layout"));
    const auto sizes = read_ints(meta.at("sizes")), strides = read_ints(meta.at("strides"));
    const auto offset = meta.at("storage_offset").at("as_int").integer();
    const at::Tensor& storage = read_storage(path, type, entry);
    if (sizes.size() != strides.size() || sizes.size() > 64 || offset < 0 ||
        !lies_within(sizes, strides, offset, storage.numel()))
      refuse(entry.where() + ": \"" + folder_ + path + "\" has " + std::to_string(storage.numel()) +
             " numbers, and the weight needs more" + damaged);
    Weight out{.name = name, .tensor = {}, .is_parameter = entry.at("is_param").boolean(), .first = name};
    const auto [first, is_new] = views_.try_emplace({path, sizes, strides, offset}, out);
    if (is_new) {
      at::Tensor tensor = at::empty({0}, at::TensorOptions(type));
      tensor.set_(storage.storage(), offset, sizes, strides);
      if (out.is_parameter && meta.at("requires_grad").boolean()) tensor.requires_grad_();
      first->second.tensor = tensor;
      if (tensor.is_contiguous() && tensor.numel() == storage.numel())
        first->second.crc = archive_.checksum(folder_ + path);
    }
    out.tensor = first->second.tensor;
    out.first = first->second.name;
    out.crc = first->second.crc;
    return out;
  }

  const at::Tensor& read_storage(const std::string& path, at::ScalarType type, const ProgramJson& entry) {
    auto& storage = storages_[path];
    if (!storage.defined()) storage = archive_.numbers(folder_ + path, type);
    if (storage.scalar_type() != type) entry.wrong("the type of the other weights in \"" + path + "\"");
    return storage;
  }

  using View = std::tuple<std::string, std::vector<std::int64_t>, std::vector<std::int64_t>, std::int64_t>;
  const Archive& archive_;
  std::string folder_;
  std::map<std::string, at::Tensor> storages_;  // by the entry's name
  std::map<View, Weight> views_;                // the first of each
};

// As libtrainer.export() takes it.
std::string checksum(const Weight& weight) {
  const at::Tensor values = weight.tensor.detach().contiguous();
  const unsigned long crc =
      weight.crc ? *weight.crc : crc32_z(0, static_cast<const Bytef*>(values.const_data_ptr()), values.nbytes());
  char text[9];
  std::snprintf(text, sizeof text, "%08lx", crc);
  return text;
}

}  // namespace

Weights read_weights(const Archive& archive) {
  const at::NoGradGuard no_grad;
  Weights out;
  out.kept = Folder(archive, "data/weights/").read(archive.model() + "_weights_config.json");
  out.constants = Folder(archive, "data/constants/").read(archive.model() + "_constants_config.json");
  for (const auto* list : {&out.constants, &out.kept})
    for (const Weight& weight : *list) out.by_name.insert_or_assign(weight.name, weight.tensor);
  return out;
}

void check_weights(const Weights& weights, const std::map<std::string, std::string>& checksums,
                   const std::string& file) {
  for (const Weight& weight : weights.kept) {
    const auto written = checksums.find(weight.name);
    if (written == checksums.end()) continue;
    if (const auto found = checksum(weight); found != written->second)
      refuse(file + ": the weight \"" + weight.name + "\" has the checksum " + found +
             ", but the one that was exported has " + written->second +
             "; export the model again, or give other weights as init_from");
  }
}

}  // namespace trainer::exported
