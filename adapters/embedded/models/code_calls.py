"""Calls of Code Interpreter under other names and in other shapes than the one on offer, brought into that shape.

Models were trained on many tools for code: small ones call the one they remember, whatever they are offered.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from dataclasses import replace
from typing import Any

from adapters.embedded.models.port import CODE_INTERPRETER, ModelToolCall

_RUNS_CODE = re.compile(
    r"(?:(?:run|execute|exec|eval|call|use)[_-]?)?(?:i?python\d?|py|code|jupyter)"
    r"(?:[_-]?(?:code|interpreter|runner|execution|executor|exec|repl|tool|cell|script|run))*"
    r"|tool_code|repl|interpreter",
    re.IGNORECASE,
)
_KEYS = ("code", "source", "python", "python_code", "script", "program", "input", "cmd", "command", "content")
_FENCED = re.compile(r"\s*(`{3,}|~{3,})[^\n]*\n(.*?)\n?\1\s*", re.DOTALL)


def tool_named(name: str, offered: Collection[str]) -> str | None:
    """The tool on offer that is meant, if any: `functions.python` is Code Interpreter."""
    parts = name.strip().split(".")
    if parts[-1] in offered:
        return parts[-1]
    return CODE_INTERPRETER if CODE_INTERPRETER in offered and any(map(_RUNS_CODE.fullmatch, parts)) else None


def proper_call(call: ModelToolCall, offered: Collection[str]) -> ModelToolCall:
    """The call as it should have been made; one that nothing can be made of stays as it is."""
    name = tool_named(call.name, offered)
    if name is None:
        return call
    code = code_in(call.arguments) if name == CODE_INTERPRETER else None
    return replace(call, name=name) if code is None else code_call(code, id_=call.id)


def code_call(code: str, *, id_: str = "") -> ModelToolCall:
    """A call of Code Interpreter."""
    arguments = json.dumps({"code": unfenced(code)}, ensure_ascii=False)
    return ModelToolCall(id=id_, name=CODE_INTERPRETER, arguments=arguments)


def code_in(arguments: str) -> str | None:
    """The source in a call's arguments: an object as was asked for, under another key, a JSON text, or bare."""
    text = arguments.strip()
    try:
        value = json.loads(text, strict=False)  # not strict: line ends stand in texts as they are
    except (ValueError, RecursionError):
        return text if text and not text.startswith("{") else None  # what is cut off is no code
    return _source(value) if isinstance(value, dict | str | list) else text if text != "null" else None


def unfenced(code: str) -> str:
    """The source without the fence of a Markdown block round it."""
    fenced = _FENCED.fullmatch(code)
    return fenced[2] if fenced else code


def _source(value: Any) -> str | None:
    match value:
        case str():
            return value
        case [str(), *_] if all(isinstance(line, str) for line in value):
            return "\n".join(value)
        case dict():
            found = next((value[key] for key in _KEYS if value.get(key)), None)
            if found is None and len(value) == 1:
                found = next(iter(value.values()))
            return _source(found) if isinstance(found, str | list) else None
        case _:
            return None
