// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

namespace c10 {
struct IValue;
}

/// `optimizer.pt` and `scheduler.pt`: a zip archive with a pickle and the tensors' bytes, as
/// torch.save writes it.
namespace trainer {

class Digest;

/// Writes what `torch.load(path, weights_only=True)` accepts. `value` is made of dicts, untyped
/// lists, tuples, numbers, strings, None and tensors; tensors of other devices are written as CPU
/// tensors.
/// (`torch::pickle_save` is not enough: it marks containers with types that torch.load refuses.)
/// A failed write is a run Error; the incomplete file stays for the caller to remove. `digest` is that of
/// save_safetensors().
void write_torch_file(const std::filesystem::path& path, const c10::IValue& value, Digest* digest = nullptr);

/// Reads such a file, from here or from Python; all tensors come to the CPU. They are the file's own bytes, mapped
/// into memory and read as they are looked at: clone what shall outlive the file's next change. Writing to them does
/// not change the file. Classes other than containers and tensors are refused. A damaged file is a run Error.
c10::IValue read_torch_file(const std::filesystem::path& path);

}  // namespace trainer
