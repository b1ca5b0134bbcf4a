"""Python that a model wrote as a Markdown block where it should have called Code Interpreter."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence

from adapters.embedded.models.port import CODE_INTERPRETER, ModelMessage, ModelRequest, Speaker

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
