"""The built-in tutor: a Model that is no language model, but reads questions of mathematics and writes Python for them.

It keeps nothing between exchanges: the thread's messages say all, and reading them again gives the same. An exchange
ends either in a call of Code Interpreter or, once its output is there, in the answer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from adapters.embedded.models.port import (
    CODE_INTERPRETER,
    ModelFinish,
    ModelMessage,
    ModelReply,
    ModelRequest,
    ModelToolCall,
    Speaker,
)
from adapters.embedded.models.tutor.answers.answer import answer
from adapters.embedded.models.tutor.answers.refusals import declined, failed, greeting
from adapters.embedded.models.tutor.answers.results import results_in
from adapters.embedded.models.tutor.answers.say import Say
from adapters.embedded.models.tutor.language.cues import Cue
from adapters.embedded.models.tutor.language.vocabulary import Language
from adapters.embedded.models.tutor.planning.context import Context
from adapters.embedded.models.tutor.planning.planning import Plan, planned
from adapters.embedded.models.tutor.planning.refusal import Reason, Refusal
from adapters.embedded.models.tutor.programs.write import program
from adapters.embedded.models.tutor.reading.clause import Question
from adapters.embedded.models.tutor.reading.reading import read

NAME: Final = "built-in tutor"
MESSAGES_READ: Final = 30
"""How far back a follow-up question is understood."""

_LONGEST_TROUBLE_CHARS: Final = 300
_BRIEF: Final = re.compile(r"\b(?:brief|briefly|short|concise|only the (?:result|answer)|kurz|knapp)\b", re.IGNORECASE)
_SPEAKER: Final = re.compile(r"\A[^\n]{1,120} wrote:\n")
"""The line in front of a message where several people speak, as bots put it."""

_GERMAN: Final = re.compile(r"\b(?:auf deutsch|in german)\b", re.IGNORECASE)
_ENGLISH: Final = re.compile(r"\b(?:auf englisch|in english)\b", re.IGNORECASE)


class Tutor:
    """Answers from the thread alone; needs no connection and no account."""

    async def complete(self, request: ModelRequest) -> ModelReply:
        """A call of Code Interpreter, or words."""
        heard = [message for message in request.messages if message.speaker is Speaker.USER][-MESSAGES_READ:]
        if not heard:
            return _words(greeting(Language.ENGLISH))
        understood = _understood(heard)
        plan = understood.plan
        if isinstance(plan, Refusal):
            return _words(declined(understood.question, plan))
        outputs = _outputs_since_question(request.messages)
        if outputs:
            return _words(_answered(understood, plan, outputs[-1], request.instructions))
        if request.tool_choice == "none" or all(tool.name != CODE_INTERPRETER for tool in request.tools):
            return _words(declined(understood.question, Refusal(Reason.NO_TOOL)))
        return _call(program(plan.tasks), number=len(request.messages))

    async def close(self) -> None:
        """There is nothing to let go of."""


@dataclass(frozen=True, slots=True)
class _Understood:
    question: Question
    plan: Plan | Refusal


def _understood(heard: Sequence[ModelMessage]) -> _Understood:
    """The last message, read after those before it."""
    context = Context()
    language = Language.ENGLISH
    for message in heard[:-1]:
        understood = _read(message.text, language, context)
        language = understood.question.language
        if isinstance(understood.plan, Plan):
            context = understood.plan.context
    return _read(heard[-1].text, language, context)


def _read(text: str, language: Language, context: Context) -> _Understood:
    question = read(_SPEAKER.sub("", text), otherwise=language, functions=frozenset(context.definitions))
    try:
        return _Understood(question, planned(question, context))
    except Refusal as refusal:
        return _Understood(question, refusal)


def _outputs_since_question(messages: Sequence[ModelMessage]) -> list[str]:
    outputs: list[str] = []
    for message in messages:
        if message.speaker is Speaker.USER:
            outputs = []
        elif message.speaker is Speaker.TOOL:
            outputs.append(message.text)
    return outputs


def _answered(understood: _Understood, plan: Plan, output: str, instructions: str) -> str:
    language = _language(understood.question.language, instructions)
    results, trouble = results_in(output), _last_line(output)
    if not results:
        return failed(language, trouble)
    declined_words = {cue for clause in understood.question.clauses for cue in clause.declined}
    explains = Cue.EXPLAIN not in declined_words and not _BRIEF.search(instructions)
    say = Say(language=language, places=plan.places)
    return answer(say, plan.tasks, results, doubts=plan.doubts, explains=explains, trouble=trouble)


def _language(spoken: Language, instructions: str) -> Language:
    if _GERMAN.search(instructions):
        return Language.GERMAN
    return Language.ENGLISH if _ENGLISH.search(instructions) else spoken


def _last_line(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip() and not line.startswith("[The user")]
    return lines[-1][:_LONGEST_TROUBLE_CHARS] if lines else ""


def _call(code: str, *, number: int) -> ModelReply:
    call = ModelToolCall(id=f"call_tutor_{number}", name=CODE_INTERPRETER, arguments=json.dumps({"code": code}))
    return ModelReply(text="", tool_calls=(call,), finish=ModelFinish.TOOL_CALLS, model=NAME)


def _words(text: str) -> ModelReply:
    return ModelReply(text=text, model=NAME)
