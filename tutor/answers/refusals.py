"""What to say instead of an answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from tutor.answers.sentence_catalogue import Sentence, catalogue
from tutor.dialogue import Place
from tutor.language.cues import Cue
from tutor.language.vocabulary import Language
from tutor.planning.refusal import Reason, Refusal
from tutor.reading.clause import Question

_SMALL_TALK: Final = {
    Cue.HELP: Sentence.REFUSAL_HELP,
    Cue.THANKS: Sentence.REFUSAL_THANKS,
    Cue.GOODBYE: Sentence.REFUSAL_GOODBYE,
    Cue.HELLO: Sentence.REFUSAL_HELLO,
}
_ASKS_BACK: Final = frozenset(
    {
        Reason.NO_DEMAND,
        Reason.NO_POINT,
        Reason.NO_RANGE,
        Reason.PARAMETERS,
        Reason.AMBIGUOUS,
        Reason.UNDEFINED,
        Reason.SEVERAL_UNKNOWNS,
        Reason.NO_COLUMN,
        Reason.STRANGE_IN_TABLE,
        Reason.WHICH_NUMBERS,
        Reason.WHICH_DATES,
        Reason.FOLLOW_UP,
        Reason.NO_RADIUS,
        Reason.NO_PLOT,
        Reason.NO_PIE,
        Reason.NO_TITLE,
        Reason.CHART_CHANGE,
        Reason.PLOT_CHANGE,
        Reason.WHICH_CURVE,
        Reason.ONLY_CURVE,
        Reason.BOTH,
        Reason.NOT_NUMERIC,
        Reason.NO_ROWS,
        Reason.NO_TABLE_FILE,
        Reason.RAGGED,
        Reason.EMPTY_FILE,
        Reason.ZIPPED,
        Reason.MANY_COLUMNS,
    }
)
"""Reasons that the person can put right in a word, without examples."""

_MAX_DETAIL_CHARS: Final = 40
_MAX_DETAILS: Final = 60  # a table can have hundreds of columns


def declined(question: Question, refusal: Refusal, *, place: Place = Place.THIS_MACHINE, is_first: bool = True) -> str:
    """The reason, and what can be asked instead; small talk gets a short friendly answer.

    Examples, and what else could be connected, come with the first refusal of a conversation.
    """
    say = catalogue(question.language)
    if is_small_talk(question, refusal):
        talk = next(key for cue, key in _SMALL_TALK.items() if cue in question.cues)
        is_leaving = talk in {Sentence.REFUSAL_THANKS, Sentence.REFUSAL_GOODBYE}
        return say[talk] if is_leaving else f"{say[talk]} {say[Sentence.REFUSAL_EXAMPLES]}"
    sentence = _sentence(say, refusal)
    if refusal.reason in _ASKS_BACK:
        return sentence
    if not is_first:
        return f"{sentence} {say[Sentence.REFUSAL_ASK_FOR_HELP]}"
    return "\n\n".join(
        [
            sentence,
            say[Sentence.REFUSAL_EXAMPLES],
            say[Sentence.REFUSAL_CONNECT if place is Place.THIS_MACHINE else Sentence.REFUSAL_CONNECT_ELSEWHERE],
        ]
    )


def reason_in_words(question: Question, refusal: Refusal) -> str:
    """The reason alone, where the examples are others than those of formulas."""
    return _sentence(catalogue(question.language), refusal)


def is_small_talk(question: Question, refusal: Refusal) -> bool:
    """Whether a message without mathematics is a greeting or the like, which is answered, not refused."""
    return refusal.reason in {Reason.NO_MATHEMATICS, Reason.NO_SUBJECT} and bool(_SMALL_TALK.keys() & question.cues)


def nothing_to_explain(language: Language, refusal: Refusal) -> str:
    """What is said to `why?` and `show me the code` where there was no answer."""
    say = catalogue(language)
    return say[Sentence.REFUSAL_NOTHING_TO_EXPLAIN].format(reason=_sentence(say, refusal))


def _sentence(say: Mapping[Sentence, str], refusal: Refusal) -> str:
    kind = f"ambiguous {refusal.details[0]}" if refusal.reason is Reason.AMBIGUOUS else refusal.reason
    if refusal.reason is Reason.WHICH_NUMBERS and not refusal.details:
        kind = "no_numbers"
    key = Sentence(f"refusal {kind.replace('_', ' ')}")
    quoted = refusal.reason in {Reason.STRANGE, Reason.STRANGE_IN_TABLE}
    return say[key].format(
        details=_some(refusal.details, quote=say[Sentence.QUOTED] if quoted else "{}"),
        example=", ".join(f"{_plain(each)} = 2" for each in refusal.details),
        last=_plain(refusal.details[-1]) if refusal.details else "",
        choices=_some(refusal.choices, quote="{}"),
    )


def _some(details: Sequence[str], *, quote: str) -> str:
    shown = [quote.format(_plain(each)) for each in details[:_MAX_DETAILS]]
    return ", ".join([*shown, "…"] if len(details) > _MAX_DETAILS else shown)


def _plain(detail: str) -> str:
    """The user's own word, cut short and without the signs of Markdown and markup."""
    detail = detail.replace("_", " ")
    shown = "".join(character for character in detail[:_MAX_DETAIL_CHARS] if character not in "*_`[]<>\\{}")
    return shown + "…" if len(detail) > _MAX_DETAIL_CHARS else shown or "…"


def failed(language: Language, details: str) -> str:
    """The code ended without a result."""
    return catalogue(language)[Sentence.REFUSAL_FAILED].format(details=details)


def no_code_until(language: Language, again: str) -> str:
    """The time for code is used up; `again` is when it runs again, empty where nobody knows."""
    key = Sentence.REFUSAL_CODE_UNTIL if again else Sentence.REFUSAL_NO_CODE_TIME
    return catalogue(language)[key].format(time=again)


def greeting(language: Language) -> str:
    """For a thread in which nobody has said anything."""
    say = catalogue(language)
    return f"{say[Sentence.REFUSAL_HELLO]} {say[Sentence.REFUSAL_EXAMPLES]}"
