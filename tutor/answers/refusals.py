"""What to say instead of an answer."""

from __future__ import annotations

from typing import Final

from tutor.answers import refusals_de, refusals_en
from tutor.dialogue import Place
from tutor.language.cues import Cue
from tutor.language.vocabulary import Language
from tutor.planning.refusal import Reason, Refusal
from tutor.reading.clause import Question

_SENTENCES: Final = {Language.ENGLISH: refusals_en.SENTENCES, Language.GERMAN: refusals_de.SENTENCES}
_SMALL_TALK: Final = {Cue.HELP: "help", Cue.THANKS: "thanks", Cue.GOODBYE: "goodbye", Cue.HELLO: "hello"}
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
        Reason.FOLLOW_UP,
        Reason.NO_PLOT,
        Reason.PLOT_CHANGE,
        Reason.WHICH_CURVE,
        Reason.ONLY_CURVE,
        Reason.BOTH,
        Reason.NOT_NUMERIC,
    }
)
"""Reasons that the person can put right in a word, without examples."""

_MAX_DETAIL_CHARS: Final = 40


def declined(question: Question, refusal: Refusal, *, place: Place = Place.THIS_MACHINE, is_first: bool = True) -> str:
    """The reason, and what can be asked instead; small talk gets a short friendly answer.

    Examples, and what else could be connected, come with the first refusal of a conversation.
    """
    say = _SENTENCES[question.language]
    talk = next((key for cue, key in _SMALL_TALK.items() if cue in question.cues), "")
    if is_small_talk(question, refusal):
        return say[talk] if talk in {"thanks", "goodbye"} else f"{say[talk]} {say['examples']}"
    sentence = _sentence(say, refusal)
    if refusal.reason in _ASKS_BACK:
        return sentence
    if not is_first:
        return f"{sentence} {say['ask for help']}"
    return "\n\n".join(
        [sentence, say["examples"], say["connect" if place is Place.THIS_MACHINE else "connect elsewhere"]]
    )


def is_small_talk(question: Question, refusal: Refusal) -> bool:
    """Whether a message without mathematics is a greeting or the like, which is answered, not refused."""
    return refusal.reason in {Reason.NO_MATHEMATICS, Reason.NO_SUBJECT} and bool(_SMALL_TALK.keys() & question.cues)


def nothing_to_explain(language: Language, refusal: Refusal) -> str:
    """What is said to `why?` and `show me the code` where there was no answer."""
    say = _SENTENCES[language]
    return say["nothing to explain"].format(reason=_sentence(say, refusal))


def _sentence(say: dict[str, str], refusal: Refusal) -> str:
    key = f"ambiguous {refusal.details[0]}" if refusal.reason is Reason.AMBIGUOUS else str(refusal.reason)
    quoted = refusal.reason in {Reason.STRANGE, Reason.STRANGE_IN_TABLE}
    details = ", ".join(_plain(each, quoted=quoted) for each in refusal.details)
    return say[key].format(
        details=details,
        last=_plain(refusal.details[-1], quoted=False) if refusal.details else "",
        choices=", ".join(_plain(each, quoted=False) for each in refusal.choices),
    )


def _plain(detail: str, *, quoted: bool) -> str:
    """The user's own word, cut short and without the signs of Markdown and markup."""
    detail = detail.replace("_", " ")
    shown = "".join(character for character in detail[:_MAX_DETAIL_CHARS] if character not in "*_`[]<>\\{}")
    return f"“{shown or '…'}”" if quoted else shown


def failed(language: Language, details: str) -> str:
    """The code ended without a result."""
    return _SENTENCES[language]["failed"].format(details=details)


def greeting(language: Language) -> str:
    """For a thread in which nobody has said anything."""
    say = _SENTENCES[language]
    return f"{say['hello']} {say['examples']}"
