"""What the tutor's own code printed: one marked line of JSON for each task, in their order."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from tutor.programs.result_keys import Key
from tutor.programs.script import MARK

Result = Mapping[Key, object]
"""What one task's program found; a name that is no `Key` does not pass the type checker."""

_MAX_LINE_CHARS: Final = 100_000


def results_in(output: str) -> list[Result]:
    """The marked lines of a tool's output; anything else in it is for people."""
    found: list[Result] = []
    for line in output.splitlines():
        if line.startswith(f"{MARK} {{") and len(line) <= _MAX_LINE_CHARS:
            try:
                parsed = json.loads(line.removeprefix(MARK), parse_constant=_refuse_constant)
                # Half a surrogate pair, as an odd column name may hold, cannot be sent anywhere.
                json.dumps(parsed, ensure_ascii=False).encode()
            except (ValueError, RecursionError):
                continue
            found.append(parsed)
    return found


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def text_of(result: Result, key: Key) -> str:
    """A field that is text; empty where it is missing."""
    value = result.get(key)
    return value if isinstance(value, str) else ""


def texts_of(result: Result, key: Key) -> list[str]:
    """A field that is a list of texts."""
    value = result.get(key)
    return [part for part in value if isinstance(part, str)] if isinstance(value, list) else []


def object_of(result: Result, key: Key) -> Result:
    """A field that is an object; empty where it is missing."""
    value = result.get(key)
    return value if isinstance(value, dict) else {}


def named_of(result: Result, key: Key) -> Mapping[str, object]:
    """A field that is an object whose names are a person's, such as columns and groups; empty where it is missing."""
    value = result.get(key)
    return value if isinstance(value, dict) else {}


def named_in(named: Mapping[str, object], name: str) -> Mapping[str, object]:
    """The same one level further in: the figures of one column."""
    value = named.get(name)
    return value if isinstance(value, dict) else {}


def parts_of(result: Result, key: Key) -> list[Result]:
    """A field that is a list of objects."""
    value = result.get(key)
    return [part for part in value if isinstance(part, dict)] if isinstance(value, list) else []
