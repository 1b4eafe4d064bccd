# SPDX-License-Identifier: Apache-2.0
"""The package that docs/plugins/python.md imagines."""


class MyCallback:
    def __init__(self, patience):
        self.patience = patience

    def on_step_end(self, args, state, control, **kwargs):
        assert state.global_step <= state.max_steps
