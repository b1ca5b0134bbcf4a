"""The built-in tutor: a Model that is no language model, but reads questions of mathematics and writes Python for them.

It keeps nothing between exchanges: the thread's messages say all, and reading them again gives the same. An exchange
ends either in a call of Code Interpreter or, once its output is there, in the answer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
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
from adapters.embedded.models.tutor.data.answers import columns_in, data_answer
from adapters.embedded.models.tutor.data.conversation import asks_for_table, is_about_table, table_in
from adapters.embedded.models.tutor.data.programs import data_program, look
from adapters.embedded.models.tutor.data.reading import data_tasks
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

    @property
    def sees(self) -> bool:
        """It reads words alone."""
        return False

    async def complete(self, request: ModelRequest) -> ModelReply:
        """A call of Code Interpreter, or words."""
        heard = [
            replace(message, text=_SPEAKER.sub("", message.text))
            for message in request.messages
            if message.speaker is Speaker.USER
        ][-MESSAGES_READ:]
        if not heard:
            return _words(greeting(Language.ENGLISH))
        understood = _understood(heard)
        step = _next_step(understood, heard, _outputs_since_question(request.messages), request.instructions)
        if isinstance(step, _Answer):
            return _words(step.text)
        if request.tool_choice == "none" or all(tool.name != CODE_INTERPRETER for tool in request.tools):
            return _words(declined(understood.question, Refusal(Reason.NO_TOOL)))
        return _call(step.code, number=len(request.messages))

    async def close(self) -> None:
        """There is nothing to let go of."""


@dataclass(frozen=True, slots=True)
class _Understood:
    question: Question
    plan: Plan | Refusal


@dataclass(frozen=True, slots=True)
class _Answer:
    text: str


@dataclass(frozen=True, slots=True)
class _Program:
    code: str


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
    question = read(text, otherwise=language, functions=frozenset(context.definitions))
    try:
        return _Understood(question, planned(question, context))
    except Refusal as refusal:
        return _Understood(question, refusal)


def _next_step(
    understood: _Understood,
    heard: Sequence[ModelMessage],
    outputs: Sequence[str],
    instructions: str,
) -> _Answer | _Program:
    """What to do after these outputs of code."""
    plan = understood.plan
    table = table_in(heard)
    if table is not None and is_about_table(understood.question, plan, heard[-1]):
        return _next_step_with_table(understood.question, heard[-1].text, table, outputs, instructions)
    if isinstance(plan, Plan) and not plan.tasks:
        return _Answer(declined(understood.question, Refusal(Reason.NO_DEMAND)))
    if isinstance(plan, Refusal):
        no_file = plan.reason is not Reason.NO_MATHEMATICS and asks_for_table(understood.question)
        return _Answer(declined(understood.question, Refusal(Reason.NO_FILE) if no_file else plan))
    if not outputs:
        return _Program(program(plan.tasks))
    results, trouble = results_in(outputs[-1]), _last_line(outputs[-1])
    say = Say(language=_language(understood.question.language, instructions), places=plan.places)
    if not results:
        return _Answer(failed(say.language, trouble))
    explains = _explains(understood.question, instructions)
    return _Answer(answer(say, plan.tasks, results, doubts=plan.doubts, explains=explains, trouble=trouble))


def _next_step_with_table(
    question: Question,
    text: str,
    table: str,
    outputs: Sequence[str],
    instructions: str,
) -> _Answer | _Program:
    """First a look at the columns, then the program for what was asked, then the answer."""
    if not outputs:
        return _Program(look(table))
    say = Say(language=_language(question.language, instructions))
    looked = results_in(outputs[0])
    if not looked or not columns_in(looked[0]):
        return _Answer(failed(say.language, _last_line(outputs[0])))
    try:
        tasks = data_tasks(text, columns_in(looked[0]), question.language)
    except Refusal as refusal:
        return _Answer(declined(question, refusal))
    if len(outputs) == 1:
        return _Program(data_program(table, tasks, say))
    results = results_in(outputs[-1])
    if not results:
        return _Answer(failed(say.language, _last_line(outputs[-1])))
    return _Answer(data_answer(say, tasks, results, explains=_explains(question, instructions)))


def _explains(question: Question, instructions: str) -> bool:
    waived = any(Cue.EXPLAIN in clause.declined for clause in question.clauses)
    return not waived and not _BRIEF.search(instructions)


def _outputs_since_question(messages: Sequence[ModelMessage]) -> list[str]:
    outputs: list[str] = []
    for message in messages:
        if message.speaker is Speaker.USER:
            outputs = []
        elif message.speaker is Speaker.TOOL:
            outputs.append(message.text)
    return outputs


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
