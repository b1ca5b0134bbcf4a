"""The way in: a thread with a question of mathematics becomes a Python program, and its output becomes an answer.

Nothing is kept between two calls. Reading the same thread again gives the same tasks, so a restart between question
and answer changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from tutor.answers.answer import answer
from tutor.answers.refusals import declined, failed, greeting
from tutor.answers.results import results_in
from tutor.answers.say import Say
from tutor.asides import Wishes, without_asides
from tutor.data.answers import columns_in, data_answer
from tutor.data.conversation import asks_for_table, is_about_table, table_in
from tutor.data.programs import data_program, look
from tutor.data.reading import data_tasks
from tutor.dialogue import CodeUse, Reply, RunCode, Thread, UserMessage, Words
from tutor.formulas.expression import Symbol
from tutor.formulas.statements import Relation
from tutor.language.cues import Cue
from tutor.language.vocabulary import Language
from tutor.planning.context import Context
from tutor.planning.numbers import planned_numbers
from tutor.planning.planning import Plan, planned
from tutor.planning.refusal import Reason, Refusal
from tutor.programs.write import program
from tutor.reading.clause import Clause, Question
from tutor.reading.numbers import number_tasks
from tutor.reading.reading import read

MESSAGES_READ: Final = 30
"""How far back a follow-up question is understood."""

_MAX_TROUBLE_CHARS: Final = 300
NOTHING_TO_RUN: Final = 'print("There was nothing to calculate in this message.")\n'
"""Run where the caller insists on code and the message asks for none."""

_BRIEF: Final = re.compile(
    r"\b(?:brief|briefly|short|concise|terse|only the (?:result|answer)s?|just the (?:result|answer)s?|kurz|knapp"
    r"|nur das ergebnis|(?:do not|don't|don’t|never|not|no need to|without)(?: \w+){0,2} expla(?:in|ining|nations?)"
    r"|no explanations?|(?:nicht|nie|ohne|keine)(?: \w+){0,2} erklär\w*|erklär\w*(?: \w+){0,3} (?:nicht|nie))\b",
    re.IGNORECASE,
)
_GERMAN: Final = re.compile(
    r"\b(?:auf deutsch|in german|(?:speak|use|write|reply|respond)(?: only)? german"
    r"|antworte(?: immer)? (?:auf )?deutsch|in deutscher sprache)\b",
    re.IGNORECASE,
)
_ENGLISH: Final = re.compile(
    r"\b(?:auf englisch|in english|(?:speak|use|write|reply|respond)(?: only)? english|in englischer sprache)\b",
    re.IGNORECASE,
)


def reply_to(thread: Thread) -> Reply:
    """A program to run, or words: the answer, a refusal that names its reason, or a greeting."""
    if not thread.messages:
        return Words(greeting(Language.ENGLISH))
    questions, wishes = without_asides(thread.messages[-MESSAGES_READ:])
    understood = _understood(questions)
    manner = _manner(understood.question, wishes, thread.instructions)
    step = _next_step(understood, questions, thread.outputs, manner)
    if isinstance(step, Words) and (thread.outputs or thread.code_use is not CodeUse.REQUIRED):
        return step
    if thread.code_use is CodeUse.FORBIDDEN:
        return Words(_declined(understood.question, Refusal(Reason.NO_TOOL), manner))
    return step if isinstance(step, RunCode) else RunCode(NOTHING_TO_RUN)


@dataclass(frozen=True, slots=True)
class _Understood:
    question: Question
    plan: Plan | Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class _Manner:
    language: Language
    explains: bool
    with_code: bool


def _understood(heard: Sequence[UserMessage]) -> _Understood:
    """The last message, read after those before it."""
    context = Context()
    language = Language.ENGLISH
    for message in heard[:-1]:
        understood = _read(message.text, language, context)
        language = understood.question.language
        plan = understood.plan
        context = plan.context if isinstance(plan, Plan) else _stated(understood.question, context)
    return _read(heard[-1].text, language, context)


def _read(text: str, language: Language, context: Context) -> _Understood:
    question = read(text, otherwise=language, functions=frozenset(context.definitions))
    try:
        numbers = number_tasks(text, question.language, context.numbers)
        if numbers:
            return _Understood(question, planned_numbers(numbers, context))
        return _Understood(question, planned(question, context))
    except Refusal as refusal:
        return _Understood(question, refusal)


def _stated(question: Question, context: Context) -> Context:
    """The one function that a declined message speaks of: "it" in the next one means that, not an earlier one."""
    subjects = [each for clause in question.clauses for each in clause.subjects]
    stated = [each for each in subjects if each.definition is not None or (each.is_bare and _is_formula_of_x(each))]
    if len(stated) != 1:
        return context
    try:
        said = Question(language=question.language, clauses=(Clause(subjects=tuple(stated)),))
        return planned(said, context).context
    except Refusal:
        return context


def _is_formula_of_x(relation: Relation) -> bool:
    return relation.letters == ("x",) and relation.parts != (Symbol("x"),)


def _next_step(
    understood: _Understood,
    heard: Sequence[UserMessage],
    outputs: Sequence[str],
    manner: _Manner,
) -> Reply:
    """What to do after these outputs of code."""
    plan = understood.plan
    table = table_in(heard)
    if table is not None and is_about_table(understood.question, plan, heard[-1]):
        return _next_step_with_table(understood.question, heard[-1].text, table, outputs, manner)
    if isinstance(plan, Plan) and not plan.tasks:
        return Words(_declined(understood.question, Refusal(Reason.NO_DEMAND), manner))
    if isinstance(plan, Refusal):
        no_file = plan.reason is not Reason.NO_MATHEMATICS and asks_for_table(understood.question)
        return Words(_declined(understood.question, Refusal(Reason.NO_FILE) if no_file else plan, manner))
    if not outputs:
        return RunCode(program(plan.tasks))
    results, trouble = results_in(outputs[-1]), _last_line(outputs[-1])
    say = Say(language=manner.language, places=plan.places)
    if not results:
        return Words(failed(say.language, trouble))
    told = answer(say, plan.tasks, results, doubts=plan.doubts, explains=manner.explains, trouble=trouble)
    return Words(_with_code(told, program(plan.tasks), manner))


def _next_step_with_table(
    question: Question,
    text: str,
    table: str,
    outputs: Sequence[str],
    manner: _Manner,
) -> Reply:
    """First a look at the columns, then the program for what was asked, then the answer."""
    if not outputs:
        return RunCode(look(table))
    say = Say(language=manner.language)
    looked = results_in(outputs[0])
    if not looked or not columns_in(looked[0]):
        return Words(failed(say.language, _last_line(outputs[0])))
    try:
        tasks = data_tasks(text, columns_in(looked[0]), question.language)
    except Refusal as refusal:
        return Words(_declined(question, refusal, manner))
    if len(outputs) == 1:
        return RunCode(data_program(table, tasks, say))
    results = results_in(outputs[-1])
    if not results:
        return Words(failed(say.language, _last_line(outputs[-1])))
    told = data_answer(say, tasks, results, explains=manner.explains)
    return Words(_with_code(told, data_program(table, tasks, say), manner))


def _manner(question: Question, wishes: Wishes, instructions: str) -> _Manner:
    """As wished in the thread, else as the instructions say, else in the question's language and explained."""
    waived = any(Cue.EXPLAIN in clause.declined for clause in question.clauses)
    return _Manner(
        language=wishes.language or _language(question.language, instructions),
        explains=wishes.explained or not (waived or _BRIEF.search(instructions)),
        with_code=wishes.with_code,
    )


def _declined(question: Question, refusal: Refusal, manner: _Manner) -> str:
    return declined(replace(question, language=manner.language), refusal)


def _with_code(told: str, code: str, manner: _Manner) -> str:
    return f"{told}\n\n```python\n{code.rstrip()}\n```" if manner.with_code else told


def _language(spoken: Language, instructions: str) -> Language:
    if _GERMAN.search(instructions):
        return Language.GERMAN
    return Language.ENGLISH if _ENGLISH.search(instructions) else spoken


def _last_line(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip() and not line.startswith("[The user")]
    return lines[-1][:_MAX_TROUBLE_CHARS] if lines else ""
