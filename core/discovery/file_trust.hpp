// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace trainer {

enum class Opened { file, directory, link };

/// Why another user than root and this one may change what the descriptor is of, as a sentence that begins with `name`;
/// empty when nobody can. Asked are owner, mode and POSIX ACL; of a link its owner alone, of a directory with the
/// sticky bit too, where nobody can replace another's file. A user's own group has the user's number, by the
/// custom of most systems.
std::string others_may_write(int descriptor, Opened kind, const std::string& name);

}  // namespace trainer
