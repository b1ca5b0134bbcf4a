"""What the last message of a thread asks, read after those before it.

A message is read as written, else with misspelt words put right, else sentence by sentence; it may also answer what the
tutor asked back, change the plot before, or go on with the numbers before.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from tutor.answers.refusals import (
    is_small_talk,
)
from tutor.data.file_mentions import (
    is_about_table,
    table_in,
)
from tutor.dialogue import UserMessage
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
from tutor.reading.clause import Clause, Question
from tutor.reading.number_wording import has_ambiguous_space, number_follow_up, number_tasks, typed_data
from tutor.reading.plot_wording import plot_wording
from tutor.reading.question_reader import MAX_CHARACTERS, read, sentences_of, without_numbering
from tutor.reading.rewording import answers_to, is_operation, without_units, written_out

_NOT_UNDERSTOOD: Final = frozenset({Reason.STRANGE, Reason.LEFT_OVER, Reason.UNABLE, Reason.NO_MATHEMATICS})
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Understood:
    """The last message of a thread: what it asks, or why that is not clear."""

    question: Question
    plan: Plan | Refusal
    corrections: tuple[tuple[str, str], ...] = ()  # misspelt words as written and as read
    answered_before: bool = False  # an earlier message of the thread was answered by code
    refused_before: bool = False
    is_about_looks: bool = False  # of a plot, and no formula was drawn: of a chart of the table, perhaps


def understood_in(heard: Sequence[UserMessage], language: Language) -> Understood:
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


def _asked_back(text: str, understood: Understood) -> tuple[str, str]:
    """The question that waits for a point, a range or a value, and the letter that has none; empty where none does."""
    plan = understood.plan
    if not isinstance(plan, Refusal) or plan.reason not in _WAITS_FOR_MORE:
        return "", ""
    return text, plan.details[0] if plan.reason is Reason.PARAMETERS and len(plan.details) == 1 else ""


def _read_after(waiting: tuple[str, str], text: str, language: Language, context: Context) -> Understood:
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


def _read(text: str, language: Language, context: Context) -> Understood:
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


def _read_whole(text: str, language: Language, context: Context) -> Understood:
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
) -> Understood:
    value = pretty_expression(context.numbers.value) if context.numbers.value is not None else ""
    if len(text) > MAX_CHARACTERS:
        return Understood(question=read(text, otherwise=language), plan=Refusal(Reason.TOO_LONG))
    spoken = language_of(text, language)
    text = written_out(without_units(text), spoken, value=value, has_plot=context.plot is not None)
    if not value and is_operation(text):
        return Understood(question=read(text, otherwise=language), plan=Refusal(Reason.FOLLOW_UP))
    if _VERTICAL_LINE.match(text):
        context = replace(context, last=None)  # no point of the curve before
    wording = plot_wording(text)
    if context.plot is not None and _TITLE_ALONE.match(text):
        return Understood(question=read(text, otherwise=language), plan=Refusal(Reason.NO_TITLE))
    is_sum = text.strip().lower().startswith("add up") or number_tasks(text, spoken, ())
    if context.plot is not None and not wording.changes and not is_sum:
        text = _ADDS.sub(lambda added: f"also plot {added['what']}", text)
        wording = plot_wording(text)
    about_plot = bool(wording.changes) and not wording.rest and context.plot is not None
    question = read(wording.rest or text, otherwise=language, functions=frozenset(context.definitions))
    try:
        if about_plot:
            return Understood(question=question, plan=planned_changes(wording.changes, context))
        plan = _planned(wording.rest or text, question, context)
        if wording.changes and wording.rest:
            plan = with_looks(plan, wording.changes)
        return Understood(question=question, plan=plan)
    except Refusal as refusal:
        is_about_looks = bool(wording.changes) and not wording.rest and not about_plot
        no_plot = is_about_looks and _SPEAKS_OF_LOOKS.search(text)
        reason = Refusal(Reason.NO_PLOT) if no_plot else refusal
        return Understood(question=question, plan=reason, is_about_looks=is_about_looks)


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
