"""The way in: a thread with a question of mathematics becomes a Python program, and its output becomes an answer.

Nothing is kept between two calls. Reading the same thread again gives the same tasks, so a restart between question
and answer changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from tutor.answers.refusals import (
    declined,
    failed,
    greeting,
    no_code_until,
    nothing_to_explain,
    reason_in_words,
)
from tutor.answers.results import Result, results_in, text_of
from tutor.answers.say import Explanation, Say
from tutor.answers.sentence_catalogue import Sentence
from tutor.answers.whole_answer import answer
from tutor.asides import Wishes, is_brief, language_wished, without_asides
from tutor.claim_verdicts import claimed, comparison, is_about_solutions, is_new_subject, table_verdict, verdict
from tutor.claims import bare_claim_in
from tutor.data.answers import columns_in, data_answer, data_refusal
from tutor.data.file_mentions import (
    Table,
    is_about_table,
    newest_with_table,
    refusal_about_files,
    refusal_after,
    table_in,
)
from tutor.data.programs import data_program, look
from tutor.data.requests import DataTask
from tutor.data.row_sentences import plain
from tutor.data.table_follow_ups import data_tasks_in_thread, is_table_follow_up
from tutor.data.words import column_named, names_of
from tutor.dialogue import CodeUse, Place, Reply, RunCode, Thread, UserMessage, Words
from tutor.language.cues import Cue
from tutor.language.spelling import corrected
from tutor.language.vocabulary import Language
from tutor.planning.planning import Plan
from tutor.planning.refusal import Reason, Refusal
from tutor.planning.tasks import SolveSystem
from tutor.programs.result_keys import Key
from tutor.programs.write import program
from tutor.reading.clause import Question
from tutor.understanding import Understood, understood_in

MESSAGES_READ: Final = 30
"""How far back a follow-up question is understood."""

_MAX_TROUBLE_CHARS: Final = 300
NOTHING_TO_RUN: Final = 'print("There was nothing to calculate in this message.")\n'
"""Run where the caller insists on code and the message asks for none."""

_SHOUTED: Final = re.compile(r"\d(?:[\d.,]*\d)?(?=!)")
_NAMES_NO_QUESTION: Final = frozenset({Reason.NO_COLUMN, Reason.STRANGE_IN_TABLE, Reason.LEFT_OVER})


def reply_to(thread: Thread) -> Reply:  # noqa: C901 - one case a kind of reply
    """A program to run, or words: the answer, a refusal that names its reason, or a greeting."""
    if not thread.messages:
        return Words(greeting(_language_named(thread.language)))
    heard = newest_with_table(thread.messages, MESSAGES_READ)
    questions, wishes = without_asides(heard)
    understood = understood_in(questions, _language_named(thread.language))
    tasks = understood.plan.tasks if isinstance(understood.plan, Plan) else ()
    is_new = bool(wishes.claim) and is_new_subject(claimed(wishes.claim or "", understood.question.language), tasks)
    if wishes.claim is not None and (is_new or _is_refused(understood, questions)):  # "it is 3" tells what was asked
        questions, wishes = without_asides(heard, claims=False)
        understood = understood_in(questions, _language_named(thread.language))
    claim = bare_claim_in(heard[-1].text) if wishes.claim is None and len(heard) > 1 else None
    if claim is not None:
        before, wishes_before = without_asides(heard[:-1])
        solved = understood_in(before, _language_named(thread.language))
        if _goes_with(claim, solved, is_refused=_is_refused(understood, questions)):
            questions, understood = before, solved
            wishes = replace(wishes_before, of_answer=True, claim=claim)
    goes_on = len(thread.messages) > MESSAGES_READ
    manner = _manner(understood, wishes, thread, goes_on=goes_on)
    if thread.code_again is not None:
        return Words(no_code_until(manner.language, thread.code_again))
    if wishes.of_answer and not thread.outputs and _is_refused(understood, questions):
        step: Reply = Words(nothing_to_explain(manner.language, _refusal_of(understood)))
    else:
        step = _next_step(understood, questions, thread.outputs, manner)
    if isinstance(step, Words) and (thread.outputs or thread.code_use is not CodeUse.REQUIRED):
        return step
    if thread.code_use is CodeUse.FORBIDDEN:
        return Words(_declined(understood.question, Refusal(Reason.NO_TOOL), manner))
    return step if isinstance(step, RunCode) else RunCode(NOTHING_TO_RUN)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Manner:
    language: Language
    explanation: Explanation
    with_code: bool
    place: Place
    refused_before: bool
    claim: str | None = None  # what the person says the answer is; empty where it is only doubted
    claims_equality: bool = False


def _language_named(name: str) -> Language:
    return next((language for language in Language if language == name), Language.ENGLISH)


def _goes_with(claim: str, solved: Understood, *, is_refused: bool) -> bool:
    """Whether `x = 3?` names a solution of what was solved before.

    After a system, whose equations it would only be put into, always; else where it `is_refused` as a question.
    """
    tasks = solved.plan.tasks if isinstance(solved.plan, Plan) else ()
    of_system = any(isinstance(task, SolveSystem) for task in tasks)
    return (is_refused or of_system) and is_about_solutions(claimed(claim, solved.question.language), tasks)


def _is_refused(understood: Understood, heard: Sequence[UserMessage]) -> bool:
    plan = understood.plan
    of_table = table_in(heard) is not None and is_about_table(understood.question, plan, heard[-1])
    return not of_table and not (isinstance(plan, Plan) and plan.tasks)


def _refusal_of(understood: Understood) -> Refusal:
    return understood.plan if isinstance(understood.plan, Refusal) else Refusal(Reason.NO_DEMAND)


def _next_step(
    understood: Understood,
    heard: Sequence[UserMessage],
    outputs: Sequence[str],
    manner: _Manner,
) -> Reply:
    """What to do after these outputs of code."""
    plan = understood.plan
    table = table_in(heard)
    if table is not None and (
        is_about_table(understood.question, plan, heard[-1])
        or is_table_follow_up(heard[-1].text)
        or understood.is_about_looks
        or understood.corrections  # a name of a column is no misspelt word
    ):
        with_table = _next_step_with_table(understood, [message.text for message in heard], table, outputs, manner)
        if with_table is not None:
            return with_table
        outputs = outputs[1:]  # the first look found no such column
    if isinstance(plan, Refusal) or not plan.tasks:
        refusal = refusal_about_files(_refusal_of(understood), understood.question, heard)
        return Words(_declined(understood.question, refusal, manner))
    if not outputs:
        return RunCode(program(plan.tasks))
    say = Say(language=manner.language, places=plan.places)
    results, trouble = results_in(outputs[0]), _last_line(outputs[0])
    if not results:
        return Words(failed(say.language, trouble))
    claims = claimed(manner.claim, understood.question.language) if manner.claim else ()
    if claims and len(outputs) == 1 and (compares := comparison(claims, plan.tasks[0], results)):
        return RunCode(compares)
    told = answer(
        say,
        plan.tasks,
        results,
        doubts=plan.doubts,
        shouted=next(reversed(_SHOUTED.findall(heard[-1].text)), ""),
        explanation=manner.explanation,
        trouble=trouble,
        corrections=understood.corrections,
    )
    if manner.claim is not None:
        compared = results_in(outputs[1]) if len(outputs) > 1 else []
        answers = [*zip(plan.tasks, results, strict=False)]
        told_of_claim = verdict(say, manner.claim, claims, answers, compared, exactly=manner.claims_equality)
        told = f"{told_of_claim}\n\n{told}"
    return Words(_with_code(told, program(plan.tasks), manner))


def _next_step_with_table(  # noqa: C901, PLR0911 - one case a step
    understood: Understood,
    texts: Sequence[str],
    table: Table,
    outputs: Sequence[str],
    manner: _Manner,
) -> Reply | None:
    """First a look at the columns, then the program for what was asked, then the answer.

    None where the columns have no answer, and the words have one without them.
    """
    question, plan = understood.question, understood.plan
    if not outputs:
        return RunCode(look(table, texts))
    say = Say(language=manner.language)
    looked = results_in(outputs[0])
    if not looked or not columns_in(looked[0]):
        trouble = _last_line(outputs[0])
        if (refusal := refusal_after(trouble)) is not None:
            return Words(_declined(question, refusal, manner))
        return Words(failed(say.language, trouble))
    asked = _tasks_in(looked[0], texts, question.language)
    if isinstance(asked, Refusal):
        has_answer = isinstance(plan, Plan) and plan.tasks
        if has_answer:
            return None
        width = looked[0].get(Key.WIDTH)
        not_all_seen = isinstance(width, int) and width > len(columns_in(looked[0]))
        if not_all_seen and asked.reason in _NAMES_NO_QUESTION:
            return Words(_declined(question, Refusal(Reason.MANY_COLUMNS, (str(width),)), manner))
        if asked.reason not in _NAMES_NO_QUESTION:
            return Words(_declined(question, asked, manner))
        return Words(data_refusal(say, _reason(question, asked, manner), columns_in(looked[0])))
    tasks, corrections = asked
    if len(outputs) == 1:
        return RunCode(data_program(table, tasks, say))
    results = results_in(outputs[-1])
    if not results:
        return Words(failed(say.language, _last_line(outputs[-1])))
    told = data_answer(say, tasks, results, explanation=manner.explanation, corrections=corrections)
    if left_out := text_of(looked[0], Key.LEFT_OUT):
        told = f"{say(Sentence.LEFT_OUT, name=plain(left_out))}\n\n{told}"
    if manner.claim is not None:
        told = f"{table_verdict(say, manner.claim, results)}\n\n{told}"
    return Words(_with_code(told, data_program(table, tasks, say), manner))


def _tasks_in(
    looked: Result, texts: Sequence[str], language: Language
) -> tuple[tuple[DataTask, ...], tuple[tuple[str, str], ...]] | Refusal:
    """What is asked of a file that has rows, and the misspelt words that were put right for it."""
    columns = columns_in(looked)
    if looked.get(Key.ROWS) == 0:
        return Refusal(Reason.NO_ROWS, tuple(column.name for column in columns))
    try:
        return data_tasks_in_thread(texts, columns, language), ()
    except Refusal as refusal:
        text, corrections = corrected(texts[-1], language, names_of(columns))
        if not corrections:
            return refusal
        try:
            tasks = data_tasks_in_thread([*texts[:-1], text], columns, language)
            return tasks, tuple((written, column_named(read, columns)) for written, read in corrections)
        except Refusal:
            return refusal


def _manner(understood: Understood, wishes: Wishes, thread: Thread, *, goes_on: bool) -> _Manner:
    """As wished in the thread, else as the instructions say, else in the question's language, explained once."""
    question = understood.question
    waived = any(Cue.EXPLAIN in clause.declined for clause in question.clauses) or is_brief(thread.instructions)
    explanation = Explanation.SHORT if understood.answered_before or goes_on else Explanation.FULL
    changes_plot = isinstance(understood.plan, Plan) and understood.plan.changes_plot
    if waived or (changes_plot and explanation is Explanation.SHORT):
        explanation = Explanation.NONE
    if wishes.claim:
        explanation = Explanation.NONE
    if wishes.explained or (not waived and Cue.EXPLAIN in question.cues):
        explanation = Explanation.FULL
    return _Manner(
        language=wishes.language or language_wished(thread.instructions, question.language),
        explanation=explanation,
        with_code=wishes.with_code,
        place=thread.place,
        refused_before=understood.refused_before or goes_on,
        claim=wishes.claim,
        claims_equality=wishes.claims_equality,
    )


def _declined(question: Question, refusal: Refusal, manner: _Manner) -> str:
    spoken = replace(question, language=manner.language)
    return declined(spoken, refusal, place=manner.place, is_first=not manner.refused_before)


def _reason(question: Question, refusal: Refusal, manner: _Manner) -> str:
    return reason_in_words(replace(question, language=manner.language), refusal)


def _with_code(told: str, code: str, manner: _Manner) -> str:
    return f"{told}\n\n```python\n{code.rstrip()}\n```" if manner.with_code else told


def _last_line(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip() and not line.startswith("[The user")]
    return lines[-1][:_MAX_TROUBLE_CHARS] if lines else ""
