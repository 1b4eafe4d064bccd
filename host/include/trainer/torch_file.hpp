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

/// Reads such a file, from here or from Python; all tensors come to the CPU, each in memory of its own. Classes other
/// than containers and tensors are refused. The file is not trusted, and may not ask for more than it has; a damaged
/// one is a run Error.
c10::IValue read_torch_file(const std::filesystem::path& path);

/// An Error when a part of the file has not the checksum that the archive has for it.
void check_torch_file(const std::filesystem::path& path);

}  // namespace trainer
