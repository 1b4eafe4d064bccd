# SPDX-License-Identifier: Apache-2.0
"""The note of a plugin, and the configuration that it describes; the rules are those of the command."""

import ctypes
import json
import re

from . import _abi
from ._errors import PluginError, did_you_mean, shown

_KEYS = ("id", "version", "events", "description", "class", "report_to", "store", "always", "config")
_RULE_KEYS = ("type", "default", "minimum", "maximum", "enum", "description")
_TYPES = {
    "integer": lambda v: isinstance(v, int) and not isinstance(v, bool),
    "number": lambda v: isinstance(v, (int, float)) and not isinstance(v, bool),
    "string": lambda v: isinstance(v, str),
    "boolean": lambda v: isinstance(v, bool),
    "array": lambda v: isinstance(v, list),
    "object": lambda v: isinstance(v, dict),
    "null": lambda v: v is None,
}


def require_compatible_abi(major, minor, where):
    if major == _abi.ABI_MAJOR and minor <= _abi.ABI_MINOR:
        return
    ours = f"{_abi.ABI_MAJOR}.{_abi.ABI_MINOR}"
    raise PluginError(
        f"{where}: it needs the plugin ABI {major}.{minor}, and this host has {ours}, expected the same major "
        f"and no newer minor; rebuild the plugin against SDK {ours}"
    )


class Note:
    """id, version, events, description, report_to, class_name and config, as the plugin's file has them."""

    def __init__(self, section, where):
        size = ctypes.sizeof(_abi.NoteHead)

        def refuse(rest):
            raise PluginError(f"{where}: {rest}")

        if len(section) < size:
            refuse(f"its note has {len(section)} bytes, expected at least {size}; write it with TRAINER_PLUGIN_DEFINE")
        if section[:16] != _abi.NOTE_MAGIC:
            refuse('its note does not start with "LibTrainer note"; write it with TRAINER_PLUGIN_DEFINE')
        head = _abi.NoteHead.from_buffer_copy(section)
        require_compatible_abi(head.abi_major, head.abi_minor, where)  # another major may mean another kind of note
        self.json = section[size : size + head.json_size]
        if len(self.json) < head.json_size:
            refuse(
                f"its note is cut short: it has {len(self.json)} bytes of the {head.json_size} that it speaks of; build "
                "it again"
            )
        if head.reserved != 0:
            refuse(f"its note has {head.reserved} in a reserved field, expected 0; write it with TRAINER_PLUGIN_DEFINE")
        if section[size + head.json_size :].strip(b"\0"):
            refuse("its note goes on after its JSON; use TRAINER_PLUGIN_DEFINE once in a plugin")
        self.abi = (head.abi_major, head.abi_minor)
        self.loaded_form = section[: size + head.json_size]
        try:
            note = json.loads(self.json.decode("utf-8"))
        except ValueError as e:
            refuse(f"its note is not JSON ({e}); correct it in TRAINER_PLUGIN_DEFINE")
        if not isinstance(note, dict):
            refuse("its note is not a JSON object; write it with TRAINER_PLUGIN_DEFINE")
        for key in note:
            if key not in _KEYS:
                refuse(
                    f'its note has the unknown key "{key}"{did_you_mean(key, _KEYS)}; it may have {", ".join(_KEYS)}'
                )

        def text(key, required=False, name=False):
            if key not in note and not required:
                return ""
            value = note.get(key)
            if not isinstance(value, str) or not value or re.search(r"[\x00-\x1f\x7f]", value):
                refuse(
                    f'its note has {shown(value)} as "{key}", expected one line of text; correct it in TRAINER_PLUGIN_DEFINE'
                )
            if name and not re.fullmatch(r"[a-z0-9._-]{1,64}", value):
                refuse(f'its note has the {key} "{value}", expected 1 to 64 of a-z, 0-9, ".", "_" and "-"; rename it')
            return value

        self.id = text("id", required=True, name=True)
        self.version = text("version", required=True)
        self.description = text("description")
        self.report_to = text("report_to", name=True)
        self.class_name = text("class") or self.id
        events = note.get("events")
        if not isinstance(events, list) or len({str(e) for e in events}) < len(events):
            refuse(
                f'its note has {shown(events)} as "events", expected a list of the slots that are not null, each once'
            )
        for event in events:
            if event not in _abi.EVENTS:
                refuse(f"its note lists the unknown event {shown(event)}{did_you_mean(str(event), _abi.EVENTS)}")
        self.events = tuple(events)
        self.config = note.get("config", {})
        if not isinstance(self.config, dict):
            refuse('its note has no object as "config", expected one entry a key')
        for key, rule in self.config.items():
            wrong = _rule_complaint(rule)
            if wrong:
                refuse(f'the config key "{key}" of its note {wrong}')

    def resolve_config(self, given):
        """`given` checked, with the defaults filled in, in the note's order."""
        for key in given:
            if key not in self.config:
                takes = (
                    f"it takes {', '.join(self.config)}" if self.config else "it has no configuration, remove the key"
                )
                raise PluginError(
                    f'config: unknown key "{key}" for plugin {self.id}{did_you_mean(str(key), self.config)}; {takes}'
                )
        config = {}
        for key, rule in self.config.items():
            if key in given:
                # As JSON would carry it: a tuple is a list there.
                value = list(given[key]) if isinstance(given[key], tuple) else given[key]
                wrong = _complaint(value, rule)
                if wrong:
                    raise PluginError(f'config: "{key}" of plugin {self.id} {wrong}')
                config[key] = value
            elif "default" in rule:
                config[key] = rule["default"]
            else:
                raise PluginError(
                    f'config: plugin {self.id} needs the key "{key}" ({" or ".join(_types_of(rule))}), which is '
                    "missing; add it"
                )
        return config


def _types_of(rule):
    return rule["type"] if isinstance(rule["type"], list) else [rule["type"]]


def _complaint(value, rule):
    types = _types_of(rule)
    if not any(_TYPES[name](value) for name in types):
        # A text may be a password or a token, and so may be what was written in its place.
        found = "" if "string" in types else f" ({shown(value)})"
        return f"is {type(value).__name__}{found}, expected {' or '.join(types)}"
    if _TYPES["number"](value):
        # Written so that NaN, which is in no range, is refused.
        if "minimum" in rule and not value >= rule["minimum"]:
            return f"is {shown(value)}, expected at least {shown(rule['minimum'])}"
        if "maximum" in rule and not value <= rule["maximum"]:
            return f"is {shown(value)}, expected at most {shown(rule['maximum'])}"
    if "enum" in rule and not any(value == c and isinstance(value, bool) == isinstance(c, bool) for c in rule["enum"]):
        return f"is {shown(value)}, expected one of {shown(rule['enum'])}"
    return None


def _rule_complaint(rule):
    if not isinstance(rule, dict):
        return 'is no object, expected one such as {"type": "integer"}'
    for key in rule:
        if key not in _RULE_KEYS:
            return f'has the unknown key "{key}"{did_you_mean(key, _RULE_KEYS)}; it may have {", ".join(_RULE_KEYS)}'
    types = _types_of(rule) if "type" in rule else []
    if not types or any(not isinstance(t, str) or t not in _TYPES for t in types):
        return f'has {shown(types)} as "type", expected one or some of {", ".join(_TYPES)}'
    for bound in ("minimum", "maximum"):
        if bound in rule and not (_TYPES["number"](rule[bound]) and {"integer", "number"} & set(types)):
            return f'has a "{bound}" that is not for a number; correct or remove it'
    if "enum" in rule and not (isinstance(rule["enum"], list) and rule["enum"]):
        return 'has an "enum" that is not a list of values; correct it'
    wrong = _complaint(rule["default"], rule) if "default" in rule else None
    return f'has a "default" that breaks its own rule: it {wrong}' if wrong else None
