"""Repairs the replies of models that do not keep to the tool call protocol: finds the calls they meant to make."""

from __future__ import annotations

import logging
import re
import textwrap
from collections.abc import Sequence
from dataclasses import replace

from adapters.embedded.models.call_dialects import calls_in_text, code_call, normalized_call, tool_named
from adapters.embedded.models.chat_reply import without_reasoning, without_turn_marks
from adapters.embedded.models.port import (
    CODE_INTERPRETER,
    ModelError,
    ModelFinish,
    ModelMessage,
    ModelReply,
    ModelRequest,
    Speaker,
)

log = logging.getLogger(__name__)


def repair_reply(reply: ModelReply, request: ModelRequest, shown: str = "") -> ModelReply:
    """Help a model that does not keep to the protocol; one that does is left as it is.

    `shown` is the beginning of its words that was passed on while they came.
    """
    offered = frozenset(tool.name for tool in request.tools)
    answer = without_reasoning(reply.text)
    words = replace(reply, text=without_turn_marks(answer))
    if not offered or request.tool_choice == "none":
        return replace(words, tool_calls=())
    if words.tool_calls:
        return replace(words, tool_calls=tuple(normalized_call(call, offered) for call in words.tool_calls))
    # The marks of a turn are cut after the calls are read: in some templates they are what ends a call.
    if spoken := calls_in_text(answer, offered):
        log.info("calls read out of a model's words", extra={"calls": len(spoken.calls)})
        said = without_turn_marks(spoken.said)
        return replace(reply, text=said, tool_calls=spoken.calls, finish=ModelFinish.TOOL_CALLS)
    if (yaml := _YAML_CALL.fullmatch(words.text)) and tool_named(yaml["name"], offered):
        raise ModelError("The model wrote its call as YAML, which is not read; use a server that parses its calls.")
    is_cut = reply.finish in {ModelFinish.LENGTH, ModelFinish.CONTENT_FILTER}
    if CODE_INTERPRETER not in offered or is_cut or not may_run(request):
        return words
    program = program_in(words.text)
    if program is None:
        return words
    log.info("a block of code in a model's words is run", extra={"size_chars": len(program)})
    # What stands round the code is dropped: it was written before there was an output, or makes one up. What a person
    # has read stays.
    return replace(reply, text=shown, tool_calls=(code_call(program),), finish=ModelFinish.TOOL_CALLS)


_YAML_CALL = re.compile(
    r"\s*+(?:```ya?ml[ \t]*\n\s*+)?(?:(?:tool_call|function_call):\s*)?(?:-[ \t]*)?"
    r"(?:name|tool|function|action):[ \t]*[\"']?(?P<name>[\w.-]{1,100})[\"']?[ \t]*\n"
    r"[ \t]*(?:arguments|parameters|args|input):[ \t]*\n(?:(?!```).++\n?+|\n)*+(?:```\s*)?"
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
    r"\bprint\s*\(|\bplt\.|\.(?:plot|show|savefig|save|write|to_csv|to_excel|to_json)\w*\(|\b(?:open|display)\s*\("
)
_ASKS_BACK = re.compile(r"\binput\s*\(")
_FAILED = re.compile(r"Traceback \(most recent call last\)|^[ \t]*\w*Error: |^Nothing was run", re.MULTILINE)

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
    # A model that has called before knows how to; a block in its answer is there to be read.
    if any(message.original and message.original.fields.get("tool_calls") for message in request.messages):
        return False
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
