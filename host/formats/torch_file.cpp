// SPDX-License-Identifier: Apache-2.0
#include "trainer/torch_file.hpp"

#include <ATen/ATen.h>
#include <c10/core/Allocator.h>
#include <caffe2/serialize/inline_container.h>
#include <caffe2/serialize/read_adapter_interface.h>
#include <torch/csrc/jit/serialization/pickler.h>
#include <torch/csrc/jit/serialization/unpickler.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>
#include <unordered_map>
#include <unordered_set>

#include "formats/digest.hpp"
#include "formats/mapped_file.hpp"
#include "formats/python_value.hpp"
#include "trainer/error.hpp"

namespace trainer {
namespace {

// The first sentence of torch's message, without its stack trace and its advice.
std::string reason(const std::exception& error) {
  const auto* torch_error = dynamic_cast<const c10::Error*>(&error);
  std::string text = torch_error ? torch_error->what_without_backtrace() : error.what();
  text = text.substr(0, text.find('\n'));
  if (text.find("INTERNAL ASSERT") != std::string::npos) return "its pickle makes no sense";
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

// The archive's directory and its pickle are read through this.
struct MappedArchive final : caffe2::serialize::ReadAdapterInterface {
  explicit MappedArchive(std::shared_ptr<MappedFile> mapped) : file(std::move(mapped)) {}
  std::size_t size() const override { return file->size(); }
  std::size_t read(std::uint64_t at, void* to, std::size_t bytes, const char*) const override {
    if (at >= file->size()) return 0;
    bytes = std::min<std::size_t>(bytes, file->size() - at);
    std::memcpy(to, file->data() + at, bytes);
    return bytes;
  }
  std::shared_ptr<MappedFile> file;
};

class TorchFileReader {
 public:
  explicit TorchFileReader(const std::filesystem::path& path)
      : file_(std::make_shared<MappedFile>(path)), archive_(std::make_shared<MappedArchive>(file_)) {}

  c10::IValue read() {
    const auto [pickle, size] = archive_.getRecord("data.pkl");
    const char* next = static_cast<const char*>(pickle.get());
    const char* const end = next + size;
    torch::jit::Unpickler unpickler(
        [&](char* to, std::size_t bytes) {
          bytes = std::min<std::size_t>(bytes, end - next);
          std::memcpy(to, next, bytes);
          next += bytes;
          return bytes;
        },
        nullptr, nullptr, [this](const std::string& name) { return record("data/" + name); }, at::kCPU);
    unpickler.set_version(archive_.version());
    c10::IValue value = unpickler.parse_ivalue();
    std::unordered_set<const void*> seen;  // a list may hold itself
    value.visit([&](const c10::IValue& part) {
      if (part.isTensor()) check_size(part.toTensor());
      return part.isPtrType() && !seen.insert(part.internalToPointer()).second;
    });
    return value;
  }

 private:
  at::DataPtr record(const std::string& name) {
    const std::size_t size = archive_.getRecordSize(name);
    char* bytes = stored(name, size);
    at::DataPtr data = bytes != nullptr ? c10::InefficientStdFunctionContext::makeDataPtr(
                                              bytes, [file = file_](void*) {}, at::kCPU)
                                        : std::get<0>(archive_.getRecord(name));
    sizes_[data.get()] = size;
    return data;
  }

  // Where the record's bytes lie in the file as they are, aligned for any element; null when another zip program has
  // compressed them, or put them elsewhere. The method is the fifth number of a record's header (APPNOTE.TXT, 4.3.7).
  char* stored(const std::string& name, std::size_t size) {
    const std::size_t begin = archive_.getRecordOffset(name);
    if (begin % 64 != 0 || begin > file_->size() || size > file_->size() - begin) return nullptr;
    const char* method = file_->data() + archive_.getRecordHeaderOffset(name) + 8;
    return method[0] == 0 && method[1] == 0 ? file_->data() + begin : nullptr;
  }

  // The pickle says how many elements there are, and the unpickler takes its word for it.
  void check_size(const at::Tensor& tensor) const {
    if (!tensor.defined() || !tensor.has_storage()) return;
    const auto size = sizes_.find(tensor.storage().data());
    if (size != sizes_.end() && tensor.storage().nbytes() > size->second)
      throw std::runtime_error("a tensor of " + std::to_string(tensor.storage().nbytes()) + " bytes has " +
                               std::to_string(size->second) + " bytes of data");
  }

  std::shared_ptr<MappedFile> file_;
  caffe2::serialize::PyTorchStreamReader archive_;
  std::unordered_map<const void*, std::size_t> sizes_;  ///< of the records, by where their bytes are
};

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
  if (std::error_code error; !std::filesystem::is_regular_file(path, error)) {
    throw_run(error_id::checkpoint_damaged,
              path.string() + ": there is no file, expected one that torch.save wrote; check the path");
  }
  try {
    return TorchFileReader(path).read();
  } catch (const Error&) {
    throw;  // it says what to do already
  } catch (const std::exception& error) {
    throw_run(error_id::checkpoint_damaged,
              path.string() + ": cannot read the file (" + reason(error) +
                  "), expected one that torch.save wrote, with numbers, texts, containers and tensors "
                  "only; use another copy or an earlier checkpoint");
  }
}

}  // namespace trainer
