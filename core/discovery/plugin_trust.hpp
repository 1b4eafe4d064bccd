// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace trainer {

/// TRAINER_PLUGIN_TRUST=any: files of others and symbolic links are taken as they are.
bool trusts_any_plugin();

/// TRAINER_PLUGIN_DEBUG=1: plugins are loaded as any program loads a library, without a trial, for debuggers and
/// profilers.
bool debugs_plugins();

/// Whether plugins are loaded from their own files and not from copies: with debugs_plugins(), or while a debugger
/// holds this process, which looks for what the loader was told to load, and would not bear another name for it
/// afterwards.
bool loads_files_themselves();

}  // namespace trainer
