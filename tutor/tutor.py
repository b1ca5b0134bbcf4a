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
    is_small_talk,
    no_code_until,
    nothing_to_explain,
    reason_in_words,
)
from tutor.answers.results import Result, results_in, text_of
from tutor.answers.say import Explanation, Say
from tutor.answers.sentence_catalogue import Sentence
from tutor.answers.whole_answer import answer
from tutor.asides import Wishes, is_brief, language_wished, without_asides
from tutor.claims import claimed, comparison, table_verdict, verdict
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
from tutor.formulas.expression import Symbol
from tutor.formulas.formula_text import pretty_expression
from tutor.formulas.statements import Doubt, Relation
from tutor.language.cues import Cue
from tutor.language.spelling import corrected
from tutor.language.vocabulary import Language, language_of
from tutor.planning.context import Context
from tutor.planning.number_plans import planned_numbers
from tutor.planning.planning import Plan, planned, planned_changes, planned_data, with_looks
from tutor.planning.refusal import Reason, Refusal
from tutor.programs.result_keys import Key
from tutor.programs.write import program
from tutor.reading.clause import Clause, Question
from tutor.reading.number_wording import has_ambiguous_space, number_follow_up, number_tasks, typed_data
from tutor.reading.plot_wording import plot_wording
from tutor.reading.question_reader import MAX_CHARACTERS, read, sentences_of, without_numbering
from tutor.reading.rewording import answers_to, is_operation, without_units, written_out

MESSAGES_READ: Final = 30
"""How far back a follow-up question is understood."""

_MAX_TROUBLE_CHARS: Final = 300
NOTHING_TO_RUN: Final = 'print("There was nothing to calculate in this message.")\n'
"""Run where the caller insists on code and the message asks for none."""

_NOT_UNDERSTOOD: Final = frozenset({Reason.STRANGE, Reason.LEFT_OVER, Reason.UNABLE, Reason.NO_MATHEMATICS})
_NAMES_NO_QUESTION: Final = frozenset({Reason.NO_COLUMN, Reason.STRANGE_IN_TABLE, Reason.LEFT_OVER})
_WAITS_FOR_MORE: Final = frozenset(
    {Reason.NO_POINT, Reason.NO_RANGE, Reason.PARAMETERS, Reason.NO_RADIUS, Reason.SEVERAL_UNKNOWNS}
)
_MAX_ANSWER_CHARS: Final = 80
_SPEAKS_OF_PLOT: Final = re.compile(
    r"\b(?:zoom\w*|lines?|curves?|plot|graph|diagram|picture|ax[ie]s|range|scale|thick\w*|dashed|dotted|colou?r|title|label"
    r"|bigger|smaller|linien?|kurven?|diagramm|bild|achsen?|farbe|dicker|breiter|lijn|grafiek|kromme|kleur|assen|dikker)\b",
    re.IGNORECASE,
)
_WANTS_IT_OTHERWISE: Final = re.compile(
    r"\A\s*(?:(?:please|now|and|then|but|can you|could you|i want to|bitte|kannst du|jetzt|und|kun je|nu|en)\b[\s,]*)*"
    r"(?:(?:make|turn|draw|show|render|animate|decorate|style|give|rotate|mach|mache|animiere|drehe|verziere|maak|draai)"
    r" (?:it|this|that|them|es|ihn|sie|das|het|hem|dat)\b|(?:make|mach|mache|maak) (?:the|den|die|das|de|het) \w+)",
    re.IGNORECASE,
)
"""A wish about what was drawn last: `make it sparkle`."""

_CIRCLE: Final = re.compile(
    r"\A[\w\s,']*\b(?:plot|draw|add|show|graph|sketch|zeichne|plotte|zeig|zeige|skizziere|teken)\b"
    r"(?:\s+(?:me|us|a|another|the|also|mir|uns|auch|noch|einen?|den|een|nog|ook))*\s+(?:circle|kreis|cirkel)\b",
    re.IGNORECASE,
)
"""A circle to be drawn; one with a radius was read as its equation before."""

_ADDS: Final = re.compile(
    r"\A\s*(?:please |now |and |can you |could you )*(?:add|put|include|draw in) (?P<what>(?=.*[a-z(|])[^?!]+?)"
    r"(?: (?:in|to it|to the (?:plot|graph|picture|diagram)|into it|there))*"
    r"(?: (?:too|as well|also|please))*[\s.?!]*\Z",
    re.IGNORECASE,
)
"""With a plot before, what is added goes into it."""

_VERTICAL_LINE: Final = re.compile(
    r"\A\s*(?:please |now |bitte |nu )?(?:plot|draw|graph|zeichne|plotte|teken)(?: the line| die gerade"
    r"| de lijn)?\s+x\s*=\s*-?[\d.,/]+[\s.]*\Z",
    re.IGNORECASE,
)
_SHOUTED_NUMBER: Final = re.compile(r"\d!\s*\Z")
_SHOUTED: Final = re.compile(r"\d(?:[\d.,]*\d)?(?=!)")
_TITLE_ALONE: Final = re.compile(
    r"\A\s*(?:(?:please|now|and|can you|could you|bitte|und|kun je|en|nu)\b[\s,]*)*"
    r"(?:add|give it|put|set|insert|füge|gib ihm|voeg|geef het)? ?(?:a|the|an|einen|den|een)? ?(?:title|titel|heading"
    r"|caption)"
    r"(?: (?:to|on) (?:it|the (?:plot|graph|chart))| hinzu| toe)?(?: please| bitte| graag)?[\s.?!]*\Z",
    re.IGNORECASE,
)
_SPEAKS_OF_LOOKS: Final = re.compile(
    r"\b(?:colou?r|red|blue|green|title|grid|legend|zoom|bigger|larger|smaller|farbe|rot|blau|grün|titel|gitter|größer|kleur|rood|blauw|groen|rooster|groter)\b",
    re.IGNORECASE,
)


def reply_to(thread: Thread) -> Reply:
    """A program to run, or words: the answer, a refusal that names its reason, or a greeting."""
    if not thread.messages:
        return Words(greeting(_language_named(thread.language)))
    heard = newest_with_table(thread.messages, MESSAGES_READ)
    questions, wishes = without_asides(heard)
    understood = _understood(questions, _language_named(thread.language))
    if wishes.claim is not None and _is_refused(understood, questions):  # "it is 3" tells what was asked back
        questions, wishes = without_asides(heard, claims=False)
        understood = _understood(questions, _language_named(thread.language))
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
class _Understood:
    question: Question
    plan: Plan | Refusal
    corrections: tuple[tuple[str, str], ...] = ()  # misspelt words as written and as read
    answered_before: bool = False  # an earlier message of the thread was answered by code
    refused_before: bool = False
    is_about_looks: bool = False  # of a plot, and no formula was drawn: of a chart of the table, perhaps


@dataclass(frozen=True, slots=True, kw_only=True)
class _Manner:
    language: Language
    explanation: Explanation
    with_code: bool
    place: Place
    refused_before: bool
    claim: str | None = None  # what the person says the answer is; empty where it is only doubted


def _language_named(name: str) -> Language:
    return next((language for language in Language if language == name), Language.ENGLISH)


def _understood(heard: Sequence[UserMessage], language: Language) -> _Understood:
    """The last message, read after those before it."""
    context = Context()
    answered = refused = False
    asked = ("", "")  # the question that the tutor could not answer without a further word
    for number, message in enumerate(heard[:-1]):
        understood = _read_after(asked, message.text, language, context)
        asked = _asked_back(message.text, understood)
        language = understood.question.language
        plan = understood.plan
        context = plan.context if isinstance(plan, Plan) else _stated(understood.question, context)
        of_table = table_in(heard[: number + 1]) is not None and is_about_table(understood.question, plan, message)
        if of_table:  # "make it red" is about its chart from now on
            context = replace(context, plot=None)
        answered |= of_table or (isinstance(plan, Plan) and bool(plan.tasks))
        refused |= not of_table and isinstance(plan, Refusal) and not is_small_talk(understood.question, plan)
    last = _read_after(asked, heard[-1].text, language, context)
    return replace(last, answered_before=answered, refused_before=refused)


def _asked_back(text: str, understood: _Understood) -> tuple[str, str]:
    """The question that waits for a point, a range or a value, and the letter that has none; empty where none does."""
    plan = understood.plan
    if not isinstance(plan, Refusal) or plan.reason not in _WAITS_FOR_MORE:
        return "", ""
    return text, plan.details[0] if plan.reason is Reason.PARAMETERS and len(plan.details) == 1 else ""


def _read_after(waiting: tuple[str, str], text: str, language: Language, context: Context) -> _Understood:
    """The message as the answer to what the tutor asked back, where it holds no question of its own."""
    asked, letter = waiting
    alone = _read(text, language, context)
    clauses = alone.question.clauses
    if not asked or len(text) > _MAX_ANSWER_CHARS or any(set(each.demands) - {Cue.FIND} for each in clauses):
        return alone
    if any(relation.letters and relation.is_bare for each in clauses for relation in each.subjects):
        return alone
    for question in answers_to(asked, text, alone.question.language, letter=letter):
        together = _read(question, alone.question.language, context)
        if isinstance(together.plan, Plan) and together.plan.tasks:
            return together
    return alone


def _read(text: str, language: Language, context: Context) -> _Understood:
    """The message as a whole, else sentence by sentence: the mean of some numbers, then a plot."""
    text = without_numbering(text)
    whole = _read_whole(text, language, context)
    reason = (
        whole.plan.reason if isinstance(whole.plan, Refusal) else Reason.NO_DEMAND if not whole.plan.tasks else None
    )
    if context.plot is not None and reason in (*_NOT_UNDERSTOOD, Reason.NO_DEMAND) and _WANTS_IT_OTHERWISE.match(text):
        return replace(whole, plan=Refusal(Reason.PLOT_CHANGE))
    if isinstance(whole.plan, Plan):
        return whole
    unplaced = whole.plan.reason in _NOT_UNDERSTOOD and context.plot is not None and _SPEAKS_OF_PLOT.search(text)
    if unplaced and not any(clause.subjects for clause in whole.question.clauses):
        return replace(whole, plan=Refusal(Reason.PLOT_CHANGE))
    sentences = sentences_of(text)
    if not sentences:
        return whole
    plans: list[Plan] = []
    corrections: list[tuple[str, str]] = []
    for sentence in sentences:
        part = _read_whole(sentence, whole.question.language, context)
        if not isinstance(part.plan, Plan):
            return whole
        plans.append(part.plan)
        corrections += part.corrections
        context = part.plan.context
    plan = Plan(
        tasks=tuple(dict.fromkeys(task for each in plans for task in each.tasks)),
        doubts=frozenset().union(*(each.doubts for each in plans)),
        context=context,
        places=next((each.places for each in plans if each.places is not None), None),
    )
    return replace(whole, plan=plan, corrections=tuple(dict.fromkeys(corrections)))


def _read_whole(text: str, language: Language, context: Context) -> _Understood:
    """As written; where a word is strange, with misspelt words put right."""
    written = _read_as_written(text, language, context)
    if isinstance(written.plan, Refusal) and written.plan.reason in _NOT_UNDERSTOOD and _CIRCLE.match(text):
        return replace(written, plan=Refusal(Reason.NO_RADIUS))
    if not isinstance(written.plan, Refusal) or written.plan.reason is not Reason.STRANGE:
        return written
    right, corrections = corrected(text, written.question.language)
    if not corrections:
        return written
    read_right = _read_as_written(right, written.question.language, context)
    if isinstance(read_right.plan, Refusal) and read_right.plan.reason in _NOT_UNDERSTOOD:
        return written
    return replace(read_right, corrections=corrections)


def _read_as_written(  # noqa: C901 - one case a form of message
    text: str, language: Language, context: Context
) -> _Understood:
    value = pretty_expression(context.numbers.value) if context.numbers.value is not None else ""
    if len(text) > MAX_CHARACTERS:
        return _Understood(question=read(text, otherwise=language), plan=Refusal(Reason.TOO_LONG))
    spoken = language_of(text, language)
    text = written_out(without_units(text), spoken, value=value, has_plot=context.plot is not None)
    if not value and is_operation(text):
        return _Understood(question=read(text, otherwise=language), plan=Refusal(Reason.FOLLOW_UP))
    if _VERTICAL_LINE.match(text):
        context = replace(context, last=None)  # no point of the curve before
    wording = plot_wording(text)
    if context.plot is not None and _TITLE_ALONE.match(text):
        return _Understood(question=read(text, otherwise=language), plan=Refusal(Reason.NO_TITLE))
    is_sum = text.strip().lower().startswith("add up") or number_tasks(text, spoken, ())
    if context.plot is not None and not wording.changes and not is_sum:
        text = _ADDS.sub(lambda added: f"also plot {added['what']}", text)
        wording = plot_wording(text)
    about_plot = bool(wording.changes) and not wording.rest and context.plot is not None
    question = read(wording.rest or text, otherwise=language, functions=frozenset(context.definitions))
    try:
        if about_plot:
            return _Understood(question=question, plan=planned_changes(wording.changes, context))
        plan = _planned(wording.rest or text, question, context)
        if wording.changes and wording.rest:
            plan = with_looks(plan, wording.changes)
        return _Understood(question=question, plan=plan)
    except Refusal as refusal:
        is_about_looks = bool(wording.changes) and not wording.rest and not about_plot
        no_plot = is_about_looks and _SPEAKS_OF_LOOKS.search(text)
        reason = Refusal(Reason.NO_PLOT) if no_plot else refusal
        return _Understood(question=question, plan=reason, is_about_looks=is_about_looks)


def _planned(text: str, question: Question, context: Context) -> Plan:
    before = context.numbers.task.numbers if context.numbers.task else ()
    numbers = number_tasks(text, question.language, before)
    numbers = numbers or number_follow_up(text, question.language, context.numbers)
    data = typed_data(text, question.language, before) if not numbers else None
    if (numbers or data is not None) and has_ambiguous_space(text):
        raise Refusal(Reason.AMBIGUOUS, (Doubt.SPACE,))
    if numbers:
        return replace(planned_numbers(numbers, context), doubts=_doubts_of_numbers(text))
    return planned_data(data, context) if data is not None else planned(question, context)


def _doubts_of_numbers(text: str) -> frozenset[Doubt]:
    return frozenset({Doubt.EXCLAMATION} if _SHOUTED_NUMBER.search(text) else ())


def _is_refused(understood: _Understood, heard: Sequence[UserMessage]) -> bool:
    plan = understood.plan
    of_table = table_in(heard) is not None and is_about_table(understood.question, plan, heard[-1])
    return not of_table and not (isinstance(plan, Plan) and plan.tasks)


def _refusal_of(understood: _Understood) -> Refusal:
    return understood.plan if isinstance(understood.plan, Refusal) else Refusal(Reason.NO_DEMAND)


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
    claim = claimed(manner.claim, understood.question.language) if manner.claim else None
    if claim is not None and len(outputs) == 1 and (compares := comparison(claim, plan.tasks[0], results)):
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
        compared = next(iter(results_in(outputs[1])), {}) if len(outputs) > 1 else {}
        told = f"{verdict(say, claim, manner.claim, plan.tasks, results, compared)}\n\n{told}"
    return Words(_with_code(told, program(plan.tasks), manner))


def _next_step_with_table(  # noqa: C901, PLR0911 - one case a step
    understood: _Understood,
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


def _manner(understood: _Understood, wishes: Wishes, thread: Thread, *, goes_on: bool) -> _Manner:
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
