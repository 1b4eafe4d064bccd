// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace trainer {

/// TRAINER_PLUGIN_TRUST=any: files of others, symbolic links and plugins that were never loaded before are taken
/// as they are.
bool trusts_any_plugin();

}  // namespace trainer
