// SPDX-License-Identifier: Apache-2.0
#include "data/failure.hpp"

#include <ATen/ATen.h>
#include <c10/util/Exception.h>

#include <algorithm>
#include <filesystem>
#include <new>
#include <stdexcept>

#include "data/out_of_memory.hpp"
#include "trainer/batch.hpp"

namespace trainer {
Error as_error(const std::exception_ptr& thrown, ErrorId id, const std::string& place) {
  const std::string begin = place.empty() ? "" : place + ": ";
  const auto made = [&](ErrorId named, const std::string& text) {
    const bool memory = named.text == error_id::memory_exhausted.text || is_out_of_memory(std::runtime_error(text));
    return Error(ErrorKind::run, memory ? error_id::memory_exhausted : named,
                 begin + on_one_line(text, 2000) + (memory ? "; make the batch or the model smaller" : ""), thrown);
  };
  try {
    std::rethrow_exception(thrown);
  } catch (const Error& e) {
    if (e.kind() == ErrorKind::usage || place.empty()) return e;
    return {e.kind(), e.id(), begin + e.sentence(), e.cause() ? e.cause() : thrown};
  } catch (const c10::Error& e) {
    // Its first line says what is wrong; what() has a stack of C++ frames below it.
    const std::string text = e.what_without_backtrace();
    return made(id, text.substr(0, text.find('\n')));
  } catch (const std::filesystem::filesystem_error& e) {
    return made(error_id::directory_unusable, e.path1().string() + ": " + e.code().message());
  } catch (const std::bad_alloc& e) {
    return made(error_id::memory_exhausted, e.what());
  } catch (const std::exception& e) {
    return made(id, e.what());
  } catch (...) {
    return made(id, "something was thrown that is not a std::exception");
  }
}

std::string shape_text(at::IntArrayRef sizes) {
  std::string out;
  for (const auto size : sizes) out += (out.empty() ? "" : ", ") + std::to_string(size);
  return "[" + out + "]";
}

std::string tensor_text(const at::Tensor& tensor) {
  if (!tensor.defined()) return "undefined";
  return shape_text(tensor.sizes()) + " " + c10::toString(tensor.scalar_type());
}

std::string batch_text(const Batch& batch) {
  std::string out;
  for (const auto& [name, tensor] : batch) out += (out.empty() ? " " : ", ") + name + " " + tensor_text(tensor);
  return "batch" + (out.empty() ? " without tensors" : out);
}

std::string rows_text(const at::Tensor& rows) {
  constexpr std::int64_t most = 32;
  std::string out = rows.numel() == 1 ? "row" : "rows";
  for (std::int64_t i = 0; i < std::min(rows.numel(), most); ++i)
    out += (i == 0 ? " " : ", ") + std::to_string(rows[i].item<std::int64_t>());
  if (rows.numel() > most) out += " and " + std::to_string(rows.numel() - most) + " more";
  return out + " of the dataset";
}

}  // namespace trainer
