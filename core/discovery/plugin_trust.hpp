// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace trainer {

/// TRAINER_PLUGIN_TRUST=any: files of others and symbolic links are taken as they are.
bool trusts_any_plugin();

}  // namespace trainer
