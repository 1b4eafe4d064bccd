// SPDX-License-Identifier: Apache-2.0
#include "trainer/torch_file.hpp"

#include <ATen/ATen.h>
#include <caffe2/serialize/inline_container.h>
#include <torch/csrc/jit/serialization/import_read.h>
#include <torch/csrc/jit/serialization/pickler.h>

#include <cerrno>
#include <cstring>
#include <fstream>

#include "python_value.hpp"
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
  torch::jit::Pickler pickler([&](const char* data, std::size_t size) { bytes.append(data, size); },
                              nullptr, nullptr, nullptr, nullptr, /*tag_aggregates=*/false);
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

}  // namespace

void write_torch_file(const std::filesystem::path& path, const c10::IValue& value) {
  const c10::IValue portable = python::to_cpu(value);
  errno = 0;
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  // An archive that is given up complains on stderr, so a failed write is noted and told at the
  // end.
  caffe2::serialize::PyTorchStreamWriter archive([&](const void* data, std::size_t size) {
    out.write(static_cast<const char*>(data), static_cast<std::streamsize>(size));
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
    throw_run(error_id::checkpoint_damaged, path.string() +
              ": there is no file, expected one that torch.save wrote; check the path");
  }
  try {
    caffe2::serialize::PyTorchStreamReader archive(path.string());
    return torch::jit::readArchiveAndTensors("data", "", "", std::nullopt, std::nullopt, at::kCPU,
                                             archive);
  } catch (const std::exception& error) {
    throw_run(error_id::checkpoint_damaged, path.string() + ": cannot read the file (" + reason(error) +
              "), expected one that torch.save wrote, with numbers, texts, containers and tensors "
              "only; use another copy or an earlier checkpoint");
  }
}

}  // namespace trainer
