"""Repairs the replies of models that do not keep to the tool call protocol: finds the calls they meant to make."""

from __future__ import annotations

import json
import logging
import re
import textwrap
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from adapters.embedded.models.chat_reply import without_reasoning
from adapters.embedded.models.port import (
    CODE_INTERPRETER,
    ModelFinish,
    ModelMessage,
    ModelReply,
    ModelRequest,
    ModelToolCall,
    Speaker,
)

log = logging.getLogger(__name__)


def repair_reply(reply: ModelReply, request: ModelRequest) -> ModelReply:
    """Help a model that does not keep to the protocol; one that does is left as it is."""
    offered = frozenset(tool.name for tool in request.tools)
    words = replace(reply, text=without_reasoning(reply.text))
    if not offered or request.tool_choice == "none":
        return replace(words, tool_calls=())
    if words.tool_calls:
        return replace(words, tool_calls=tuple(normalized_call(call, offered) for call in words.tool_calls))
    return _with_spoken_calls(words, offered) or _with_program(words, request, offered) or words


def _with_spoken_calls(reply: ModelReply, offered: frozenset[str]) -> ModelReply | None:
    spoken = calls_in_text(reply.text, offered)
    if spoken is None:
        return None
    log.info("calls read out of a model's words", extra={"calls": len(spoken.calls)})
    return replace(reply, text=spoken.said, tool_calls=spoken.calls, finish=ModelFinish.TOOL_CALLS)


def _with_program(reply: ModelReply, request: ModelRequest, offered: frozenset[str]) -> ModelReply | None:
    """What stands round the code is dropped: it was written before there was an output, or makes one up."""
    if CODE_INTERPRETER not in offered or reply.finish is ModelFinish.LENGTH or not may_run(request):
        return None
    program = program_in(reply.text)
    if program is None:
        return None
    log.info("a block of code in a model's words is run", extra={"size_chars": len(program)})
    return replace(reply, text="", tool_calls=(code_call(program),), finish=ModelFinish.TOOL_CALLS)


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


def normalized_call(call: ModelToolCall, offered: Collection[str]) -> ModelToolCall:
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


@dataclass(frozen=True, slots=True)
class TextWithCalls:
    """What was said before the calls, and the calls."""

    said: str
    calls: tuple[ModelToolCall, ...]


def calls_in_text(text: str, offered: Collection[str]) -> TextWithCalls | None:
    """The calls in a text, if it holds any of a tool that is on offer; only the first form found counts."""
    for pattern, calls_of in _FORMS:
        found = list(pattern.finditer(text))
        with suppress(RecursionError):  # what is nested so deep is no call
            calls = tuple(call for match in found for call in calls_of(match, offered))
            if calls:
                return TextWithCalls(text[: found[0].start()].strip(), calls)
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
        yield normalized_call(ModelToolCall(id="", name=name, arguments=json.dumps(values[0])), offered)


def _tagged_call(match: re.Match[str], offered: Collection[str]) -> Iterator[ModelToolCall]:
    """A name and each argument in tags of their own."""
    name = tool_named(match["name"], offered)
    if name:
        arguments = {item["key"]: item["value"] for item in _PARAMETER.finditer(match["tags"])}
        yield normalized_call(ModelToolCall(id="", name=name, arguments=json.dumps(arguments)), offered)


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
    return normalized_call(ModelToolCall(id="", name=known, arguments=text), offered)


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


MAX_PROGRAMS = 3
"""That are run for one question: the first, and again where the one before failed."""

_BLOCK = re.compile(
    r"^[ \t]*(?P<fence>`{3}|~{3})[ \t]*(?:i?python3?|py|tool_code)\b[^\n]*\n"
    r"(?P<code>(?:(?![ \t]*(?P=fence)).*\n)*)[ \t]*(?P=fence)[ \t]*$",
    re.MULTILINE | re.IGNORECASE,
)
# A definition alone explains something; what is meant to be run lets somebody see what came of it.
_SHOWS_SOMETHING = re.compile(
    r"\bprint\s*\(|\bplt\.|\.(?:plot|show|savefig|save|write\w*|to_csv|to_excel|to_json)\w*\(|\b(?:open|display)\s*\("
)
_ASKS_BACK = re.compile(r"\binput\s*\(")
_FAILED = re.compile(r"Traceback \(most recent call last\)|^\s*\w*Error: |^Nothing was run", re.MULTILINE)

_CODE = r"(?:code|snippet|script|program(?:me)?|python|skript|programm|quelltext)"
_WANTS_TO_READ = re.compile(
    rf"```|\b(?:write|show|give|send|explain|translate|how (?:do|can|could|would|to)|what does|"
    rf"schreib\w*|zeig\w*|gib|erklär\w*|wie)\b.{{0,60}}\b{_CODE}\b",
    re.IGNORECASE | re.DOTALL,
)
_WANTS_IT_RUN = re.compile(
    rf"\b(?:run|execute|use[ds]?|using|with|mit|verwende\w*|benutz\w*|führ\w*)\b.{{0,20}}\b(?:{_CODE}|it|this|es|aus)\b",
    re.IGNORECASE | re.DOTALL,
)


def program_in(text: str) -> str | None:
    """The blocks of Python in a text as one program, if it is meant to be run."""
    code = "\n\n".join(textwrap.dedent(block["code"]).strip() for block in _BLOCK.finditer(text)).strip()
    return code if _SHOWS_SOMETHING.search(code) and not _ASKS_BACK.search(code) else None


def may_run(request: ModelRequest) -> bool:
    """Whether code in the answer would be an attempt to work on the question, not what the question asks for."""
    asked, outputs = _since_question(request.messages)
    if _WANTS_TO_READ.search(asked) and not _WANTS_IT_RUN.search(asked):
        return False
    return not outputs or (len(outputs) < MAX_PROGRAMS and _FAILED.search(outputs[-1]) is not None)


def _since_question(messages: Sequence[ModelMessage]) -> tuple[str, list[str]]:
    """The last words of a person, and what Code Interpreter has said since."""
    asked = ""
    outputs: list[str] = []
    calls: set[str] = set()
    for message in messages:
        if message.speaker is Speaker.USER:
            asked, outputs = message.text, []
        calls.update(call.id for call in message.tool_calls if call.name == CODE_INTERPRETER)
        if message.tool_call_id in calls:
            outputs.append(message.text)
    return asked, outputs
