// SPDX-License-Identifier: Apache-2.0
#include "trainer/torch_file.hpp"

#include <ATen/ATen.h>
#include <caffe2/serialize/inline_container.h>
#include <torch/csrc/jit/serialization/pickler.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "formats/booleans.hpp"
#include "formats/digest.hpp"
#include "formats/pickle_reader.hpp"
#include "formats/python_value.hpp"
#include "formats/zip_archive.hpp"
#include "trainer/error.hpp"

namespace trainer {
namespace {

// The first sentence of torch's message, without its stack trace and its advice.
std::string reason(const std::exception& error) {
  const auto* torch_error = dynamic_cast<const c10::Error*>(&error);
  std::string text = torch_error ? torch_error->what_without_backtrace() : error.what();
  text = text.substr(0, text.find('\n'));
  return text.substr(0, text.find(". "));
}

void write_archive(caffe2::serialize::PyTorchStreamWriter& archive, const c10::IValue& value) {
  std::string bytes;
  torch::jit::Pickler pickler([&](const char* data, std::size_t size) { bytes.append(data, size); }, nullptr, nullptr,
                              nullptr, nullptr, /*tag_aggregates=*/false);
  pickler.protocol();
  pickler.pushIValue(value);
  pickler.stop();
  for (std::size_t i = 0; i < pickler.tensorData().size(); ++i) {
    const auto data = torch::jit::getWriteableTensorData(pickler.tensorData()[i]);
    archive.writeRecord("data/" + std::to_string(i), data.data(), data.sizeInBytes());
  }
  archive.writeRecord("data.pkl", bytes.data(), bytes.size());
  archive.writeEndOfFile();
}

// A pickle is as large as the file at most, or small: each of its bytes may ask for a hundred.
constexpr std::uint64_t small_pickle = 1 << 20;

class TorchFileReader {
 public:
  explicit TorchFileReader(const std::filesystem::path& path) : archive_(path) {
    constexpr std::string_view pickle = "/data.pkl";
    for (const auto& member : archive_.members())
      if (member.first.ends_with(pickle)) root_ = member.first.substr(0, member.first.size() - pickle.size() + 1);
  }

  c10::IValue read() const {
    const auto& member = part("data.pkl");
    if (member.size > std::max(small_pickle, archive_.size())) throw std::runtime_error("its pickle is too large");
    std::string pickle(member.size, '\0');
    archive_.read(member, pickle.data());
    return read_pickle(pickle, [this](const std::string& name, at::ScalarType type) { return storage(name, type); });
  }
  void check() const { archive_.check(); }

 private:
  const ZipArchive::Member& part(const std::string& name) const {
    const auto found = archive_.members().find(root_ + name);
    if (found == archive_.members().end()) throw std::runtime_error("it has no '" + name + "'");
    return found->second;
  }

  at::Tensor storage(const std::string& name, at::ScalarType type) const {
    const auto& member = part("data/" + name);
    const auto bytes = at::elementSize(type);
    if (member.size % bytes != 0) throw std::runtime_error("'data/" + name + "' ends within a number");
    at::Tensor data = at::empty({static_cast<std::int64_t>(member.size / bytes)}, at::TensorOptions(type));
    if (member.size == 0) return data;
    archive_.read(member, data.mutable_data_ptr());
    if (has_bytes_above_1(data)) throw std::runtime_error("'data/" + name + "' has booleans above 1");
    return data;
  }

  ZipArchive archive_;
  std::string root_;  ///< the folder of the archive's members
};

template <typename Use>
auto use_torch_file(const std::filesystem::path& path, Use use) {
  if (std::error_code error; !std::filesystem::is_regular_file(path, error)) {
    throw_run(error_id::checkpoint_damaged,
              path.string() + ": there is no file, expected one that torch.save wrote; check the path");
  }
  try {
    return use(TorchFileReader(path));
  } catch (const Error&) {
    throw;  // it says what to do already
  } catch (const std::exception& error) {
    throw_run(error_id::checkpoint_damaged,
              path.string() + ": cannot read the file (" + reason(error) +
                  "), expected one that torch.save wrote, with numbers, texts, containers and tensors "
                  "only; use another copy or an earlier checkpoint");
  }
}

}  // namespace

void write_torch_file(const std::filesystem::path& path, const c10::IValue& value, Digest* digest) {
  const c10::IValue portable = python::to_cpu(value);
  errno = 0;
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  // An archive that is given up complains on stderr, so a failed write is noted and told at the
  // end.
  caffe2::serialize::PyTorchStreamWriter archive([&](const void* data, std::size_t size) {
    out.write(static_cast<const char*>(data), static_cast<std::streamsize>(size));
    if (digest != nullptr) digest->add({static_cast<const char*>(data), size});
    return size;
  });
  write_archive(archive, portable);
  out.close();
  if (out) return;
  throw_run(error_id::file_write_failed, path.string() + ": cannot write the file (" + std::strerror(errno) +
                                             "); make room or choose another output_dir");
}

c10::IValue read_torch_file(const std::filesystem::path& path) {
  return use_torch_file(path, [](const TorchFileReader& file) { return file.read(); });
}

void check_torch_file(const std::filesystem::path& path) {
  use_torch_file(path, [](const TorchFileReader& file) { file.check(); });
}

}  // namespace trainer
