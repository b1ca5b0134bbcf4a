"""Reads the arguments of a tool call that need one repair: escapes, quotes, wrapping, and the source in them.

Each repair is a fault that real servers and models make: tests/unit/embedded/test_embedded_model_help.py has them all.
Where several readings are possible, the one whose source is Python counts.
"""

from __future__ import annotations

import ast
import html
import json
import re
import warnings
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

MAX_CHECKED_CHARS = 20_000
"""Of a source that is parsed to choose between two readings."""
MAX_WRAPPINGS = 4

CODE_KEYS = (
    "code",
    "source",
    "source_code",
    "python",
    "python_code",
    "script",
    "program",
    "input",
    "cmd",
    "command",
    "content",
)
_WRAPPERS = ("arguments", "parameters", "args", "kwargs", "value")
_FENCED = re.compile(r"\s*(`{3,9}|~{3,9})[^\n]*\n(.*?)\n?\1\s*", re.DOTALL)
_TAGGED = re.compile(r"\s*<(code|python)>\n?(.*?)\n?</\1>\s*", re.DOTALL)
_BAD_ESCAPE = re.compile(r'(?<!\\)((?:\\\\)*)\\(?!["\\/bfnrt]|u[0-9a-fA-F]{4})')
_LINE_END = re.compile(r"(?<!\\)((?:\\\\)*)\\n")
_TRAILING_COMMA = re.compile(r",(\s*[}\]]\s*)\Z")
_ONE_TEXT = re.compile(
    rf"""\s*\{{\s*["']?(?:{"|".join(CODE_KEYS)})["']?\s*:\s*(?P<quote>["'])(?P<code>.*)(?P=quote)\s*(?:,\s*)?\}}+\s*""",
    re.DOTALL,
)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "'": "'", "\\": "\\", "/": "/"}
_ENTITY = re.compile(r"&(?:lt|gt|amp|quot|apos|#39|#x27|#34);")


def code_in(arguments: str) -> str | None:
    """The source in the arguments of a call of Code Interpreter; None where there is none, or it is cut off."""
    text = unfenced(arguments.removeprefix("\ufeff")).strip()
    if not text or text == "null":
        return None
    first = None
    for value in _readings(text):
        code = _source(value)
        if code is None:
            continue
        code = _as_written(code)
        if _is_python(code):
            return code
        first = code if first is None else first
    if first is not None:
        return first
    # Bare source, as some servers pass it on. What begins like an object is one that was cut off.
    return None if text.startswith("{") or _is_json(text, dict | list) else _bare(text)


def _bare(text: str) -> str:
    """Source without an object round it: as it is, in tags, or as a Python keyword, `code="print(1)"`."""
    if tagged := _TAGGED.fullmatch(text):
        return tagged[2]
    tree = _tree(text)
    match tree.body if tree else []:
        case [ast.Assign(targets=[ast.Name(id=key)], value=ast.Constant(value=str(code)))] if key in CODE_KEYS:
            return code
    return text


def object_in(arguments: str) -> dict[str, Any] | None:
    """The arguments of any other call as an object, after at most one repair."""
    for value in _readings(arguments.strip() or "{}"):
        match value:
            case dict():
                return value
            case [dict() as only]:
                return only
            case _:
                pass
    return None


def fault_in(arguments: str) -> str:
    """What is wrong with arguments, in the words of a JSON parser; empty for an object."""
    try:
        return "" if isinstance(json.loads(arguments), dict) else "it is no object"
    except json.JSONDecodeError as error:
        return f"{error.msg} at character {error.pos}"
    except RecursionError:
        return "it is nested too deep"


def unfenced(code: str) -> str:
    """The source without the fence of a Markdown block round it."""
    fenced = _FENCED.fullmatch(code)
    return fenced[2] if fenced else code


def _readings(text: str) -> Iterator[Any]:
    """What the arguments may mean, the likeliest first: as they are, then after each repair alone."""
    whole = _parsed(text)
    if whole is not _NOTHING:
        yield whole
        return
    repaired = [
        _BAD_ESCAPE.sub(r"\1\\\\", text),  # "\d", "\alpha": backslashes of the source, not doubled
        _LINE_END.sub(r"\1\n", text),  # line ends between the members, written as in a text
        _TRAILING_COMMA.sub(r"\1", text),
        html.unescape(text),
        text.replace("\\\\", "\\"),  # all of it escaped twice
        f"{text}}}",
    ]
    for candidate in repaired:
        if candidate != text and (value := _parsed(candidate)) is not _NOTHING:
            yield value
    with suppress(ValueError, RecursionError):  # something stands behind it: a bracket, a mark, the same once more
        yield json.JSONDecoder(strict=False).raw_decode(text)[0] if text.startswith("{") else None
    if len(text) <= MAX_CHECKED_CHARS and text.startswith("{"):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                yield ast.literal_eval(text)  # single quotes
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            pass
    if match := _ONE_TEXT.fullmatch(text):  # quotes inside the source that are not escaped
        code = _unescaped(match["code"])
        if _is_python(code):
            yield {"code": code}


_NOTHING = object()


def _parsed(text: str) -> Any:
    """A JSON value, and what is in it where it is JSON again, as layers that each quote the one below make it."""
    try:
        value = json.loads(text, strict=False)  # not strict: line ends stand in texts as they are
    except (ValueError, RecursionError):
        return _NOTHING
    inner = value
    for _ in range(MAX_WRAPPINGS):
        if not isinstance(inner, str) or inner.lstrip()[:1] not in {"{", '"'}:
            break
        try:
            inner = json.loads(inner, strict=False)
        except (ValueError, RecursionError):
            break
        if isinstance(inner, dict):
            return inner
    return value


def _source(value: Any, depth: int = 0) -> str | None:
    match value:
        case str():
            return value
        case [str(), *_] if all(isinstance(line, str) for line in value):
            return "\n".join(value)
        case [dict() as only] if depth < MAX_WRAPPINGS:
            return _source(only, depth + 1)
        case dict() if depth < MAX_WRAPPINGS:
            found = next((value[key] for key in (*CODE_KEYS, *_WRAPPERS) if value.get(key)), None)
            if isinstance(found, str) and isinstance(inner := _parsed(found), dict):
                found = _source(inner, depth + 1) or found
            if found is None and len(value) == 1:
                found = next(iter(value.values()))
            return _source(found, depth + 1) if isinstance(found, str | list | dict) else None
        case int() | float() if depth == 0:
            return str(value)  # bare source that happens to be JSON
        case _:
            return None


def _as_written(code: str) -> str:
    """The source as the model meant it, where a layer in between has escaped it once too often or too little."""
    # No source holds these; they are "\beta" and "\frac" whose backslash was not doubled.
    code = code.replace("\b", "\\b").replace("\f", "\\f")
    if _ENTITY.search(code) and not _is_python_without_entities(code):
        plain = html.unescape(code)
        if _is_python(plain):
            return plain
    if "\\" in code and "\n" not in code and not _is_python(code):
        unescaped = _unescaped(code)
        if _is_python(unescaped):
            return unescaped
    return code


def _unescaped(code: str) -> str:
    return _ESCAPE.sub(lambda escape: _ESCAPED.get(escape[1], escape[0]), code)


def _tree(code: str) -> ast.Module | None:
    if len(code) > MAX_CHECKED_CHARS:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(unfenced(code))
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return None


def _is_python(code: str) -> bool:
    return _tree(code) is not None


def _is_python_without_entities(code: str) -> bool:
    """`a &lt; b` is Python too, by accident: `a & lt`, and `b`."""
    tree = _tree(code)
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} if tree else {"lt"}
    return not names & {"lt", "gt", "amp", "quot", "apos"}


def _is_json(text: str, kind: Any) -> bool:
    try:
        return isinstance(json.loads(text, strict=False), kind)
    except (ValueError, RecursionError):
        return False
