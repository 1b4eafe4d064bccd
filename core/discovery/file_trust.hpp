// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace trainer {

enum class Opened { file, directory, link };

/// Why another user than root and this one may change what the descriptor is of, as a sentence that begins with `name`;
/// empty when nobody can. Asked are owner, mode and POSIX ACL; of a link its owner alone, of a directory with the
/// sticky bit too, where nobody can replace another's file. A user's own group has the user's number, by the
/// custom of most systems. On Windows a handle is asked for its owner and its access list, and the system, its
/// administrators and its installer are trusted as root is.
std::string others_may_write(std::intptr_t descriptor, Opened kind, const std::string& name);

}  // namespace trainer
