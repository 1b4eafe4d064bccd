// SPDX-License-Identifier: Apache-2.0
//
// dvc.yaml: the three lists, and the map of artifacts, in which DVC finds what a run wrote. Entries of others stay as
// they are, byte for byte.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace trainer::dvclive {

/// Paths relative to the directory of dvc.yaml; empty for what a run has not written.
struct DvcEntries {
  std::string params, metrics, plots;
  std::map<std::string, std::string> models;  ///< name and path, for `artifacts`
  std::string marker;                         ///< entries that contain it are of an earlier run, as "dvclive/"
};

/// The next content of a dvc.yaml that holds `existing`, which may be empty. Nothing when a list in it
/// is not written as a block of "- " lines, or the map not as one of "name:" lines, so that it could
/// not be changed without risk.
std::optional<std::string> merge_dvc_yaml(std::string_view existing, const DvcEntries& entries);

}  // namespace trainer::dvclive
