// SPDX-License-Identifier: Apache-2.0
//
// Artifacts of W&B: a named version of some files, with a digest of each. The files are kept in W&B's
// staging directory until `wandb sync` has sent them, since a checkpoint may be gone by then.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace trainer::wandb {

struct Artifact {
  struct File {
    std::string path;    ///< within the artifact, with slashes
    std::string digest;  ///< MD5 in base64
    std::uint64_t size = 0;
    std::filesystem::path staged;
  };

  std::string name, type, metadata;  ///< metadata: a JSON object
  std::vector<std::string> aliases;
  std::vector<File> files;  ///< in the order of their paths
  std::string client_id, sequence_client_id;

  /// Adds all files below a directory. Throws std::system_error or std::filesystem::filesystem_error.
  void add_directory(const std::filesystem::path& directory);
  /// MD5 of what the manifest says, in hexadecimal digits.
  std::string digest() const;
};

/// The name as W&B takes it, by its make_artifact_name_safe(): "_" for all but letters, digits, "_", "-" and ".", and
/// of more than 128 characters the first and the last 63.
std::string artifact_name(std::string_view name);

/// <WANDB_DATA_DIR>/artifacts/staging, in ~/.local/share/wandb by default, as W&B's client has it.
std::filesystem::path staging_directory();

}  // namespace trainer::wandb
