// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace trainer {

class Digest;

/// Names and tensors, as a model's state dict lists them.
using NamedTensors = std::vector<std::pair<std::string, at::Tensor>>;

/// Names that a file does not have, because another name holds the same tensor: that one.
using SharedNames = std::map<std::string, std::string>;

/// Writes the file that `safetensors.torch.save_file(tensors, path, metadata={"format": "pt"})`
/// writes, byte for byte; `shared` joins the metadata, as `safetensors.torch.save_model` has it: header length (u64,
/// little endian), JSON header padded with spaces to a multiple of 8, then the data; wider types first, then by name.
/// Tensors may be on any device, and need not be contiguous. Types: float64/32/16, bfloat16, int64/32/16/8, uint8 and
/// bool. A failed write (full disk) is a run Error; the incomplete file stays for the caller to remove. `digest`, which
/// checkpoints have of each file, gets the bytes, too.
void save_safetensors(const std::filesystem::path& path, const NamedTensors& tensors, Digest* digest = nullptr,
                      const SharedNames& shared = {});

/// Reads such a file into new CPU tensors, in the order of their data. The file is not trusted:
/// lengths, offsets (no gap, no overlap), shapes and types are checked before anything is
/// allocated, and a run Error says what is wrong.
NamedTensors load_safetensors(const std::filesystem::path& path);

}  // namespace trainer
