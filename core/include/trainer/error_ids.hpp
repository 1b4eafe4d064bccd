// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace trainer {

/// What an error is about, in a form that stays: docs/errors.md explains each, messages end with it in
/// brackets, and none changes its meaning or goes to another.
struct ErrorId {
  const char* text;
};

namespace error_id {

inline constexpr ErrorId arguments_invalid{"arguments.invalid"};
inline constexpr ErrorId run_failed{"run.failed"};
inline constexpr ErrorId run_file_invalid{"run-file.invalid"};
inline constexpr ErrorId json_invalid{"json.invalid"};
inline constexpr ErrorId trainer_state_invalid{"trainer-state.invalid"};
inline constexpr ErrorId replay_nothing{"replay.nothing"};
inline constexpr ErrorId report_to_invalid{"report-to.invalid"};
inline constexpr ErrorId tracker_unavailable{"tracker.unavailable"};
inline constexpr ErrorId data_invalid{"data.invalid"};
inline constexpr ErrorId data_missing{"data.missing"};
inline constexpr ErrorId data_failed{"data.failed"};
inline constexpr ErrorId model_unsupported{"model.unsupported"};
inline constexpr ErrorId model_file_invalid{"model-file.invalid"};
inline constexpr ErrorId model_failed{"model.failed"};
inline constexpr ErrorId compiled_step_missing{"compiled-step.missing"};
inline constexpr ErrorId compiled_step_invalid{"compiled-step.invalid"};
inline constexpr ErrorId compiled_step_processor{"compiled-step.processor"};
inline constexpr ErrorId compiled_step_untrusted{"compiled-step.untrusted"};
inline constexpr ErrorId compiled_step_unsupported{"compiled-step.unsupported"};
inline constexpr ErrorId metric_missing{"metric.missing"};
inline constexpr ErrorId metric_failed{"metric.failed"};
inline constexpr ErrorId loss_missing{"loss.missing"};
inline constexpr ErrorId loss_not_finite{"loss.not-finite"};
inline constexpr ErrorId gradient_sparse{"gradient.sparse"};
inline constexpr ErrorId memory_exhausted{"memory.exhausted"};
inline constexpr ErrorId checkpoint_damaged{"checkpoint.damaged"};
inline constexpr ErrorId checkpoint_mismatch{"checkpoint.mismatch"};
inline constexpr ErrorId checkpoint_missing{"checkpoint.missing"};
inline constexpr ErrorId file_read_failed{"file.read-failed"};
inline constexpr ErrorId file_write_failed{"file.write-failed"};
inline constexpr ErrorId directory_in_use{"directory.in-use"};
inline constexpr ErrorId directory_unusable{"directory.unusable"};
inline constexpr ErrorId process_failed{"process.failed"};
inline constexpr ErrorId ranks_environment_invalid{"ranks.environment-invalid"};
inline constexpr ErrorId ranks_unreachable{"ranks.unreachable"};
inline constexpr ErrorId ranks_mismatch{"ranks.mismatch"};
inline constexpr ErrorId ranks_lost{"ranks.lost"};
inline constexpr ErrorId ranks_timeout{"ranks.timeout"};
inline constexpr ErrorId command_usage{"command.usage"};
inline constexpr ErrorId callback_crashed{"callback.crashed"};
inline constexpr ErrorId callback_exited{"callback.exited"};
inline constexpr ErrorId callback_failed{"callback.failed"};
inline constexpr ErrorId callback_flag{"callback.flag"};
inline constexpr ErrorId callback_invalid{"callback.invalid"};
inline constexpr ErrorId callback_misuse{"callback.misuse"};
inline constexpr ErrorId callback_name_taken{"callback.name-taken"};
inline constexpr ErrorId callback_slow{"callback.slow"};
inline constexpr ErrorId callback_threw{"callback.threw"};
inline constexpr ErrorId isolation_ended{"isolation.ended"};
inline constexpr ErrorId isolation_invalid{"isolation.invalid"};
inline constexpr ErrorId isolation_silent{"isolation.silent"};
inline constexpr ErrorId isolation_start_failed{"isolation.start-failed"};
inline constexpr ErrorId plugin_abi_version{"plugin.abi-version"};
inline constexpr ErrorId plugin_config_invalid{"plugin.config-invalid"};
inline constexpr ErrorId plugin_copy_failed{"plugin.copy-failed"};
inline constexpr ErrorId plugin_create_failed{"plugin.create-failed"};
inline constexpr ErrorId plugin_debug_runtime{"plugin.debug-runtime"};
inline constexpr ErrorId plugin_extension_invalid{"plugin.extension-invalid"};
inline constexpr ErrorId plugin_file_changed{"plugin.file-changed"};
inline constexpr ErrorId plugin_file_cut_short{"plugin.file-cut-short"};
inline constexpr ErrorId plugin_file_damaged{"plugin.file-damaged"};
inline constexpr ErrorId plugin_file_empty{"plugin.file-empty"};
inline constexpr ErrorId plugin_file_executable_stack{"plugin.file-executable-stack"};
inline constexpr ErrorId plugin_file_format{"plugin.file-format"};
inline constexpr ErrorId plugin_file_link{"plugin.file-link"};
inline constexpr ErrorId plugin_file_machine{"plugin.file-machine"};
inline constexpr ErrorId plugin_file_not_regular{"plugin.file-not-regular"};
inline constexpr ErrorId plugin_file_text_relocations{"plugin.file-text-relocations"};
inline constexpr ErrorId plugin_file_too_large{"plugin.file-too-large"};
inline constexpr ErrorId plugin_file_type{"plugin.file-type"};
inline constexpr ErrorId plugin_file_unreadable{"plugin.file-unreadable"};
inline constexpr ErrorId plugin_file_writable{"plugin.file-writable"};
inline constexpr ErrorId plugin_instance_invalid{"plugin.instance-invalid"};
inline constexpr ErrorId plugin_files_failed{"plugin.files-failed"};
inline constexpr ErrorId plugin_files_refused{"plugin.files-refused"};
inline constexpr ErrorId plugin_library_foreign{"plugin.library-foreign"};
inline constexpr ErrorId plugin_library_missing{"plugin.library-missing"};
inline constexpr ErrorId plugin_library_too_old{"plugin.library-too-old"};
inline constexpr ErrorId plugin_load_failed{"plugin.load-failed"};
inline constexpr ErrorId plugin_no_entry{"plugin.no-entry"};
inline constexpr ErrorId plugin_not_found{"plugin.not-found"};
inline constexpr ErrorId plugin_note_differs{"plugin.note-differs"};
inline constexpr ErrorId plugin_note_invalid{"plugin.note-invalid"};
inline constexpr ErrorId plugin_note_missing{"plugin.note-missing"};
inline constexpr ErrorId plugin_quarantined{"plugin.quarantined"};
inline constexpr ErrorId plugin_sanitizer{"plugin.sanitizer"};
inline constexpr ErrorId plugin_state_failed{"plugin.state-failed"};
inline constexpr ErrorId plugin_state_refused{"plugin.state-refused"};
inline constexpr ErrorId plugin_symbol_missing{"plugin.symbol-missing"};
inline constexpr ErrorId plugin_table_invalid{"plugin.table-invalid"};
inline constexpr ErrorId plugin_thread_storage{"plugin.thread-storage"};
inline constexpr ErrorId plugin_threw{"plugin.threw"};
inline constexpr ErrorId plugin_version{"plugin.version"};

}  // namespace error_id
}  // namespace trainer
