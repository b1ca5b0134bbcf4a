"""Calls that a model wrote into its words, in the form of its template, since its server did not read them out.

The forms: JSON alone or in a Markdown block (Llama, Qwen coder), `<tool_call>` (Hermes, Qwen), `[TOOL_CALLS]`
(Mistral), `<|python_tag|>` and `<function=...>` (Llama, Qwen coder), `to=functions...` (gpt-oss).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from adapters.embedded.models.code_calls import code_call, proper_call, tool_named
from adapters.embedded.models.port import CODE_INTERPRETER, ModelToolCall


@dataclass(frozen=True, slots=True)
class Spoken:
    """What was said before the calls, and the calls."""

    said: str
    calls: tuple[ModelToolCall, ...]


def spoken_calls(text: str, offered: Collection[str]) -> Spoken | None:
    """The calls in a text, if it holds any of a tool that is on offer; only the first form found counts."""
    for pattern, calls_of in _FORMS:
        found = list(pattern.finditer(text))
        with suppress(RecursionError):  # what is nested so deep is no call
            calls = tuple(call for match in found for call in calls_of(match, offered))
            if calls:
                return Spoken(text[: found[0].start()].strip(), calls)
    return None


def _json_calls(match: re.Match[str], offered: Collection[str]) -> Iterator[ModelToolCall]:
    for value in _values(match["json"]):
        call = _described(value, offered)
        if call:
            yield call


def _named_call(match: re.Match[str], offered: Collection[str]) -> Iterator[ModelToolCall]:
    """A name outside the JSON, and the arguments as an object."""
    name = tool_named(match["name"], offered)
    values = list(_values(match["json"]))
    if name and values and isinstance(values[0], dict):
        yield proper_call(ModelToolCall(id="", name=name, arguments=json.dumps(values[0])), offered)


def _tagged_call(match: re.Match[str], offered: Collection[str]) -> Iterator[ModelToolCall]:
    """A name and each argument in tags of their own."""
    name = tool_named(match["name"], offered)
    if name:
        arguments = {item["key"]: item["value"] for item in _PARAMETER.finditer(match["tags"])}
        yield proper_call(ModelToolCall(id="", name=name, arguments=json.dumps(arguments)), offered)


def _tagged_code(match: re.Match[str], offered: Collection[str]) -> Iterator[ModelToolCall]:
    """After Llama's tag for Python stands either a call as JSON, or the source itself."""
    calls = list(_json_calls(match, offered))
    if calls:
        yield from calls
    elif CODE_INTERPRETER in offered and match["json"].strip():
        yield code_call(match["json"].strip())


def _values(text: str) -> Iterator[Any]:
    """JSON values one after the other; lists are opened."""
    decoder, at = json.JSONDecoder(strict=False), 0
    while (begin := _BEGIN.search(text, at)) and not text[at : begin.start()].strip(" \t\r\n,;"):
        try:
            value, at = decoder.raw_decode(text, begin.start())
        except (ValueError, RecursionError):
            return
        yield from value if isinstance(value, list) else [value]


def _described(value: Any, offered: Collection[str]) -> ModelToolCall | None:
    match value:
        case {"function": {**inner}} | {"tool_calls": [{"function": {**inner}}, *_]}:
            value = inner
        case {"code": str(code), **rest} if not rest and "(" in code and CODE_INTERPRETER in offered:
            return code_call(code)
    if not isinstance(value, dict):
        return None
    name = next((value[key] for key in _NAMES if isinstance(value.get(key), str)), "")
    arguments = next((value[key] for key in _ARGUMENTS if isinstance(value.get(key), dict | str)), None)
    known = tool_named(name, offered)
    if known is None or arguments is None:
        return None
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return proper_call(ModelToolCall(id="", name=known, arguments=text), offered)


_NAMES = ("name", "tool", "tool_name", "function", "action")
_ARGUMENTS = ("arguments", "parameters", "args", "input", "action_input")
_BEGIN = re.compile(r"[{\[]")
_PARAMETER = re.compile(r"<parameter=(?P<key>[\w-]+)>\n?(?P<value>.*?)\n?</parameter>", re.DOTALL)

_Reader = Callable[[re.Match[str], Collection[str]], Iterator[ModelToolCall]]
_FORMS: tuple[tuple[re.Pattern[str], _Reader], ...] = (
    (
        re.compile(
            r"(?:<tool_call>\s*)?<function=(?P<name>[\w.-]+)>(?P<tags>\s*<parameter=(?:(?!<function=).)*?)</function>",
            re.DOTALL,
        ),
        _tagged_call,
    ),
    (re.compile(r"<tool_call>(?P<json>.*?)(?:</tool_call>|\Z)", re.DOTALL), _json_calls),
    (re.compile(r"<function=(?P<name>[\w.-]+)>(?P<json>.*?)(?:</function>|\Z)", re.DOTALL), _named_call),
    (re.compile(r"\[TOOL_CALLS\]\s*(?P<name>[\w.-]+)(?:\[ARGS\])?(?P<json>\s*\{.*)", re.DOTALL), _named_call),
    (re.compile(r"\[TOOL_CALLS\](?P<json>.*)", re.DOTALL), _json_calls),
    (re.compile(r"<\|python_tag\|>(?P<json>.*?)(?:<\|eo[mt]_id\|>|\Z)", re.DOTALL), _tagged_code),
    (
        re.compile(
            r"(?:<\|[^{]{0,60})?to=(?P<name>[\w.-]+)[^{]{0,80}<\|message\|>(?P<json>.*?)(?:<\|call\|>|\Z)", re.DOTALL
        ),
        _named_call,
    ),
    (re.compile(r"```(?:json|tool_call|tool)?[ \t]*\n(?P<json>\s*[{\[].*?)\n?```", re.DOTALL), _json_calls),
    (re.compile(r"(?:\A|\n)(?P<json>[ \t]*[{\[].*)", re.DOTALL), _json_calls),
)
