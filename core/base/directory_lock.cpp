// SPDX-License-Identifier: Apache-2.0
#include "base/directory_lock.hpp"

#include "trainer/error.hpp"

namespace trainer {

std::shared_ptr<void> DirectoryLock::begin_training() {
  if (busy_.exchange(true))
    throw_run(error_id::directory_in_use,
              "output_dir " + directory_.string() +
                  " is in use by another Trainer of this process that is training, expected "
                  "one training per directory; give this one another output_dir");
  return {this, [](DirectoryLock* lock) { lock->busy_ = false; }};
}

}  // namespace trainer
