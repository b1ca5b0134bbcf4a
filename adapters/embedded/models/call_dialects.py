"""Finds the tool calls that a model wrote into its words, in the notation of whichever template it was trained with.

A server with the right parser turns these into `tool_calls`; one without passes them on. Nearly all of them are an
opening mark, then a payload in one of a few notations. tests/model_shapes holds them with their sources.
"""

from __future__ import annotations

import ast
import json
import re
import warnings
from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from adapters.embedded.models.argument_repair import MAX_CHECKED_CHARS, code_in, fault_in, object_in, unfenced
from adapters.embedded.models.port import CODE_INTERPRETER, ModelToolCall

_RUNS_CODE = re.compile(
    r"(?:(?:run|execute|exec|eval|call|use)[_-]?)?(?:i?python\d?|py|code|jupyter)"
    r"(?:[_-]?(?:code|interpreter|runner|execution|executor|exec|repl|tool|cell|script|run))*"
    r"|tool_code|repl|interpreter",
    re.IGNORECASE,
)


def tool_named(name: str, offered: Collection[str]) -> str | None:
    """The tool on offer that is meant, if any: `functions.python:0` is Code Interpreter."""
    parts = re.sub(r":\d+\Z", "", name.strip()).split(".")
    if parts[-1] in offered:
        return parts[-1]
    return CODE_INTERPRETER if CODE_INTERPRETER in offered and any(map(_RUNS_CODE.fullmatch, parts)) else None


def normalized_call(call: ModelToolCall, offered: Collection[str]) -> ModelToolCall:
    """The call as it should have been made; one that nothing can be made of stays as it is."""
    name = tool_named(call.name, offered)
    if name is None:
        return call
    if name == CODE_INTERPRETER:
        code = code_in(call.arguments)
        return replace(call, name=name) if code is None else code_call(code, id_=call.id)
    repaired = object_in(call.arguments) if fault_in(call.arguments or "{}") else None
    arguments = call.arguments if repaired is None else json.dumps(repaired, ensure_ascii=False)
    return replace(call, name=name, arguments=arguments)


def code_call(code: str, *, id_: str = "") -> ModelToolCall:
    """A call of Code Interpreter."""
    arguments = json.dumps({"code": unfenced(code)}, ensure_ascii=False)
    return ModelToolCall(id=id_, name=CODE_INTERPRETER, arguments=arguments)


@dataclass(frozen=True, slots=True)
class TextWithCalls:
    """What was said before the calls, and the calls."""

    said: str
    calls: tuple[ModelToolCall, ...]


# What a payload ends with, or is wrapped in once more; it says nothing that the payload does not.
_WRAPPING = re.compile(
    r"</?(?:\w+:)?(?:tool_calls?|function_calls?|TOOLCALL)>|<end_function_call>|<\|/?tool_calls?\|?>|<tool_call\|>|<\|tool_calls?_(?:section_)?end\|>|"
    r"<\|tool_call_(?:begin|end)\|>|<｜tool[▁_]calls?[▁_](?:begin|end)｜>|<\|END_ACTION\|>|<\|tools_suffix\|>|"
    r"\[/(?:tool_call|TOOL_CALL)\]|<\|action_end\|>|<\|python_end\|>|</?｜DSML｜function_calls>|<\|(?:im_end|eo[mt](?:_id)?|call|end)\|>|"
    r"<end_of_turn>|<turn\|>|<｜end▁of▁sentence｜>|</s>"
)
# Each begins the payload of one call, or of a list of calls.
_OPENING = re.compile(
    r"<(?:\w+:)?(?:tool_calls?|function_calls?|TOOLCALL)>|<｜DSML｜function_calls>|"  # Hermes, Qwen, GLM, MiniMax
    r"<start_function_call>|"  # FunctionGemma
    r"<\|tool_calls?(?:_section_begin|_begin|_start)?\|?>|"  # Kimi, Granite, Phi, LFM2, Gemma 4
    r"<｜tool[▁_]calls?[▁_]begin｜>|"  # DeepSeek, Step
    r"<\|START_ACTION\|>|<\|tools_prefix\|>|<\|action_start\|>(?:<\|plugin\|>)?|"  # Cohere, Apertus, InternLM
    r"<\|python_start\|>|\bfunctools(?=\[)|\[(?:tool_call|TOOL_CALL)\]|"  # Llama 4, Phi-4-mini
    r"(?=<(?:\w+:|｜DSML｜)?invoke name=)"  # MiniMax, DeepSeek V3.2, Step
)


def calls_in_text(text: str, offered: Collection[str]) -> TextWithCalls | None:
    """The calls in a text, if it holds any of a tool that is on offer; only the first notation found counts."""
    with suppress(RecursionError):  # what is nested so deep is no call
        if (opening := _OPENING.search(text)) and (calls := tuple(_marked_calls(text[opening.start() :], offered))):
            return TextWithCalls(text[: opening.start()].strip(), calls)
        for pattern, calls_of in _FORMS:
            found = list(pattern.finditer(text))
            calls = tuple(call for match in found for call in calls_of(match, offered))
            if calls:
                return TextWithCalls(text[: found[0].start()].strip(), calls)
    return None


def _marked_calls(text: str, offered: Collection[str]) -> Iterator[ModelToolCall]:
    """The calls behind opening marks, each payload in the first notation that can be read in it."""
    for piece in _OPENING.split(text):
        payload = _WRAPPING.sub("", piece).strip()
        for read in (_json_payload, _tagged_payload, _named_payload, _interpreter_payload, _pythonic_payload):
            calls = list(read(payload, offered))
            if calls:
                yield from calls
                break


def _json_payload(payload: str, offered: Collection[str]) -> Iterator[ModelToolCall]:
    """`{"name": ..., "arguments": {...}}`, one or more, or a list of them."""
    values = list(_values(payload)) or [object_in(payload) if payload.startswith("{") else None]
    for value in values:
        call = _described(value, offered)
        if call:
            yield call


_INVOKED = re.compile(
    r"<(?:\w+:|｜DSML｜)?(?:invoke name=|function ?= ?)[\"']?(?P<name>[\w.-]+)[\"']?>"
    r"(?P<tags>.*?)(?:</(?:\w+:|｜DSML｜)?(?:invoke|function)>|\Z)",
    re.DOTALL,
)
_PARAMETER = re.compile(
    r"<(?:\w+:|｜DSML｜)?parameter(?: ?= ?| name=)[\"']?(?P<key>[\w-]+)[\"']?[^<>]*>"
    r"\n?(?P<value>.*?)\n?</(?:\w+:|｜DSML｜)?parameter>",
    re.DOTALL,
)
_PARAMETER_END = re.compile(r"</(?:\w+:|｜DSML｜)?parameter>")
_ARG_PAIR = re.compile(
    r"<arg_key>\s*(?P<key>[\w-]+)\s*</arg_key>\s*<arg_value>\n?(?P<value>.*?)\n?</arg_value>", re.DOTALL
)


def _tagged_payload(payload: str, offered: Collection[str]) -> Iterator[ModelToolCall]:
    """A name, and each argument in tags of its own: `<invoke name=...>`, `<function=...>`, or GLM's `<arg_key>`."""
    if "<arg_key>" in payload:
        name, _, tags = payload.partition("<arg_key>")
        end = tags.rfind("</arg_value>") + len("</arg_value>")
        yield from _call_of_pairs(name, _ARG_PAIR.finditer(f"<arg_key>{tags[:end]}"), offered)
    for invoked in _INVOKED.finditer(payload):
        yield from _call_of_pairs(invoked["name"], _parameters(invoked["tags"]), offered)


def _parameters(tags: str) -> Iterator[re.Match[str]]:
    """The parameters that are whole. Behind the last end there is none, and no beginning need look for one."""
    end = max((found.end() for found in _PARAMETER_END.finditer(tags)), default=0)
    return _PARAMETER.finditer(tags, 0, end)


def _call_of_pairs(name: str, pairs: Iterator[re.Match[str]], offered: Collection[str]) -> Iterator[ModelToolCall]:
    known = tool_named(name, offered)
    arguments = {pair["key"]: pair["value"] for pair in pairs}
    if known and arguments:
        yield normalized_call(ModelToolCall(id="", name=known, arguments=json.dumps(arguments)), offered)


_NAMED = re.compile(
    r"(?:function<｜tool[▁_]sep｜>|call:)?(?P<name>[\w.-]+(?::\d+)?)\s*"
    r"(?:(?:<\|tool_call_argument_begin\|>|<｜tool[▁_]sep｜>)\s*)?(?:```(?:json)?\s*)?(?P<arguments>\{.*)",
    re.DOTALL,
)


def _named_payload(payload: str, offered: Collection[str]) -> Iterator[ModelToolCall]:
    """A name, then the arguments as an object: Kimi, DeepSeek, and Gemma 4 in a JSON of its own."""
    match = _NAMED.match(payload)
    name = tool_named(match["name"], offered) if match else None
    if not match or not name:
        return
    text = _as_json(match["arguments"])
    value = next(_values(text), None)
    if isinstance(value, dict):
        yield normalized_call(ModelToolCall(id="", name=name, arguments=json.dumps(value)), offered)
    else:  # an object that needs a repair
        yield normalized_call(ModelToolCall(id="", name=name, arguments=text.strip().rstrip("`").strip()), offered)


def _interpreter_payload(payload: str, offered: Collection[str]) -> Iterator[ModelToolCall]:
    """InternLM marks source itself: `<|action_start|><|interpreter|>print(1)`."""
    code = payload.removeprefix("<|interpreter|>").strip()
    if payload.startswith("<|interpreter|>") and code and CODE_INTERPRETER in offered:
        yield code_call(code)


_GEMMA_TEXT = re.compile(r'(?:<\|"\|>|<escape>)(.*?)(?:<\|"\|>|<escape>)', re.DOTALL)
_GEMMA_KEY = re.compile(r"(?P<before>[{,]\s*)(?P<key>[A-Za-z_]\w*)\s*:")


def _as_json(arguments: str) -> str:
    """Gemma 4 quotes by a token of its own and leaves keys bare: `{code:<|"|>print(1)<|"|>}`."""
    if '<|"|>' not in arguments and "<escape>" not in arguments:
        return arguments
    pieces = _GEMMA_TEXT.split(arguments)  # what is between quotes has the odd places
    return "".join(
        json.dumps(piece) if place % 2 else _GEMMA_KEY.sub(r'\g<before>"\g<key>":', piece)
        for place, piece in enumerate(pieces)
    )


def _pythonic_payload(payload: str, offered: Collection[str]) -> Iterator[ModelToolCall]:
    """`[code_interpreter(code="print(1)")]`, as Llama 4, Olmo and LFM2 write, with or without the brackets."""
    if len(payload) > MAX_CHECKED_CHARS or "(" not in payload:
        return
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            body = ast.parse(payload).body
    except (SyntaxError, ValueError, MemoryError):
        return
    if not body or not all(isinstance(statement, ast.Expr) for statement in body):
        return
    values = [statement.value for statement in body if isinstance(statement, ast.Expr)]
    if len(values) == 1 and isinstance(values[0], ast.List):
        values = values[0].elts
    # All of it or nothing: a program may begin with something that looks like a call.
    calls = [_pythonic_call(value, offered) for value in values]
    if all(calls):
        yield from (call for call in calls if call)


def _pythonic_call(node: ast.expr, offered: Collection[str]) -> ModelToolCall | None:
    if not isinstance(node, ast.Call) or len(node.args) > 1 or not (node.args or node.keywords):
        return None
    name = tool_named(ast.unparse(node.func), offered)
    if name is None:
        return None
    try:
        arguments = {word.arg: ast.literal_eval(word.value) for word in node.keywords if word.arg}
        if node.args:
            if name != CODE_INTERPRETER:
                return None
            arguments = {"code": ast.literal_eval(node.args[0])}
        text = json.dumps(arguments)
    except (ValueError, TypeError, MemoryError):
        return None
    return normalized_call(ModelToolCall(id="", name=name, arguments=text), offered)


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
    if len(value) == 1:  # Apertus: {"code_interpreter": {...}}
        ((only, arguments),) = value.items()
        known = tool_named(only, offered) if isinstance(arguments, dict) else None
        if known:
            return normalized_call(ModelToolCall(id="", name=known, arguments=json.dumps(arguments)), offered)
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


def _json_calls(match: re.Match[str], offered: Collection[str]) -> Iterator[ModelToolCall]:
    yield from _json_payload(match["json"], offered)


def _named_call(match: re.Match[str], offered: Collection[str]) -> Iterator[ModelToolCall]:
    """A name outside the JSON, and the arguments as an object; or the source itself, which needs no object."""
    name = tool_named(match["name"], offered)
    text = unfenced(match["json"]).strip()
    values = list(_values(text))
    if name and values and isinstance(values[0], dict):
        yield normalized_call(ModelToolCall(id="", name=name, arguments=json.dumps(values[0])), offered)
    elif name == CODE_INTERPRETER and text and not text.startswith("{"):
        yield code_call(text)


def _tagged_call(match: re.Match[str], offered: Collection[str]) -> Iterator[ModelToolCall]:
    yield from _call_of_pairs(match["name"], _parameters(match["tags"]), offered)


def _tagged_code(match: re.Match[str], offered: Collection[str]) -> Iterator[ModelToolCall]:
    """After Llama's tag for Python stands either a call as JSON, or the source itself."""
    calls = list(_json_calls(match, offered))
    if calls:
        yield from calls
    elif CODE_INTERPRETER in offered and match["json"].strip():
        yield code_call(match["json"].strip())


def _tagged_program(match: re.Match[str], offered: Collection[str]) -> Iterator[ModelToolCall]:
    """Source in tags that say what it is for: run it if it is a program."""
    code = code_in(match["code"])
    if CODE_INTERPRETER in offered and code and "(" in code:
        yield code_call(code)


def _pythonic_text(match: re.Match[str], offered: Collection[str]) -> Iterator[ModelToolCall]:
    yield from _pythonic_payload(match["list"], offered)


# Notations whose opening mark is not enough to know them by; the name or the end tells.
_FORMS: Sequence[tuple[re.Pattern[str], Any]] = (
    (
        re.compile(
            r"<function=(?P<name>[\w.-]+)>(?P<tags>\s*<parameter=(?:(?!<function=).)*?)</function>",
            re.DOTALL,
        ),
        _tagged_call,
    ),
    (re.compile(r"<function=(?P<name>[\w.-]+)>(?P<json>.*?)(?:</function>|\Z)", re.DOTALL), _named_call),
    (
        re.compile(r"\[TOOL_CALLS\]\s*(?P<name>[\w.-]+)(?:\[CALL_ID\]\w+)?(?:\[ARGS\])?(?P<json>\s*\{.*)", re.DOTALL),
        _named_call,
    ),
    (re.compile(r"\[TOOL_CALLS\](?P<json>.*)", re.DOTALL), _json_calls),
    (re.compile(r"<\|python_tag\|>(?P<json>.*?)(?:<\|eo[mt]_id\|>|\Z)", re.DOTALL), _tagged_code),
    (
        re.compile(
            r"(?:<\|[^{]{0,60})?to=(?P<name>[\w.-]+)[^{]{0,80}<\|message\|>(?P<json>.*?)(?:<\|call\|>|\Z)", re.DOTALL
        ),
        _named_call,
    ),
    (re.compile(r"```(?:json|tool_call|tool)?[ \t]*\n(?P<json>\s*[{\[].*?)\n?```", re.DOTALL), _json_calls),
    (re.compile(r"\A\s*(?P<list>\[[\w.]+\(.*\)\])\s*\Z", re.DOTALL), _pythonic_text),
    (
        re.compile(r"\A\s*(?:(?:tool|function)[ _]call:?\s*)?(?P<list>[\w.]+\(.*\))\s*\Z", re.DOTALL | re.IGNORECASE),
        _pythonic_text,
    ),
    (  # ReAct: LangChain, Qwen
        re.compile(
            r"^[ \t]*Action:[ \t]*(?P<name>[\w.-]+)[ \t]*\n[ \t]*Action Input:[ \t]*\n?"
            r"(?P<json>.*?)(?:\n[ \t]*Observation:|\Z)",
            re.DOTALL | re.MULTILINE,
        ),
        _named_call,
    ),
    (  # CodeAct
        re.compile(
            r"^[ \t]*<(?P<tag>execute(?:_i?python)?|i?python|code_interpreter)>[ \t]*\n"
            r"(?P<code>.*?)(?:</(?P=tag)>|\Z)",
            re.DOTALL | re.MULTILINE,
        ),
        _tagged_program,
    ),
    (re.compile(r"(?:\A|\n)(?P<json>[ \t]*[{\[].*)", re.DOTALL), _json_calls),
)
