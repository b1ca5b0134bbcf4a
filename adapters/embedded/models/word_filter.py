"""Holds back what is no answer while a model's words come in: thinking, calls written as text, marks of a template.

What is passed on is the beginning of what `reply_repair` makes of the whole text. So a word is passed on as soon as
nothing that may still come can turn it into something else; each piece is looked at once.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from enum import Enum, auto
from typing import Final

from adapters.embedded.models.call_dialects import calls_in_text, tool_named
from adapters.embedded.models.chat_reply import LEADING_MARK, UNMARKED_THOUGHT_END, thought_at

_FIRST_LOOK_CHARS: Final = 64
_MAX_LEADING_CHARS: Final = 60
_MAX_UNDECIDED_CHARS: Final = 1_000
_CARRIED_CHARS: Final = 32  # longer than any mark that ends a thought

_NAMED_FOR_THINKING: Final = re.compile(r"think|reason|(?:\b|[-_])r1(?:\b|[-_])|qwq|minimax-m\d", re.IGNORECASE)
"""Models whose template may open the thinking in the prompt, so that nothing in their words says where it begins."""


def _begun(word: str) -> str:
    """A pattern of the beginnings of a word, and the word."""
    return "".join(f"(?:{letter}" for letter in word) + ")?" * (len(word) - 1) + ")"


# No two repeats of the same letters stand side by side, here and in all patterns that read a model's words: 16,000
# blanks in one piece would hold all runs up for seconds.
_SUSPECT: Final = re.compile(
    # What no answer is shown beyond, for it is part of a call, a thought or a template.
    r"(?P<mark><[|｜]|◁|</?(?:\w{1,12}:)?(?:tool_calls?|function_calls?|toolcall|think(?:ing)?|thought|reasoning)>|"
    r"<start_function_call>|<(?:\w{1,12}:)?invoke name=|<function ?=|<unused\d|<(?:start|end)_of_turn>|"
    r"<(?:turn|channel|tool_call)\|>|</s>|<[be]os>|\[tool_calls?\]|\[THINK\]|\bfunctools\[|"
    r"(?<=\n)[ \t]*<(?:execute(?:_i?python)?|i?python|code_interpreter)>|"
    r"(?<=\n)[ \t]*Action:[ \t]*[\w.-]+[ \t]*\n[ \t]*Action Input:|"
    r"\bto=[\w.-]{1,80}[^{]{0,80}<\|)|"
    r"(?P<program>(?<=\n)[ \t]*(?:`{3}|~{3})[ \t]*(?:i?python3?|py|tool_code)\b)|"
    r"(?P<json>(?:```(?:json|tool_call|tool)?[ \t]*\n\s*|(?<=\n)[ \t]*)(?:\{\s*[\"']|\[\s*[{\[]))|"
    # The beginning of one of them, at the end of what has come.
    r"(?P<unfinished>(?:<[^\s<>]{0,40}|<[\w:]{0,13}invoke [name]{0,4}|<function |\[[A-Z_]{0,10}|"
    rf"\b{_begun('functools')}|\b{_begun('to')}|\bto=[^{{\n]{{0,160}}|`{{1,2}}|"
    r"```[ \t]*(?:\w{1,9}[ \t]*)?(?:\n\s*(?:[{\[]\s*)?)?|"
    rf"(?<=\n)[ \t]*(?:[{{\[]\s*|~{{1,3}}[ \t]*\w{{0,9}}|{_begun('Action')}|"
    rf"Action:[ \t]*(?:[\w.-]{{1,80}}[ \t]*)?(?:\n[ \t]*(?:{_begun('Action Input')})?)?))\Z)",
    re.IGNORECASE,
)
# [code_interpreter(code=...)], with and without the brackets
_CALL_ALONE: Final = re.compile(
    r"(?:(?:tool|function)[ _]call:?\s*)?\[?(?P<name>[\w.]{1,100})(?P<opened>\()?|\[", re.IGNORECASE | re.ASCII
)
_CALL_BEGUN: Final = re.compile(
    rf"(?:tool|function)[ _](?:{_begun('call')}:?\s*)?(?:\[?[\w.]{{0,100}})?\Z|\[?[\w.]{{0,100}}\Z",
    re.IGNORECASE | re.ASCII,
)
_UNFINISHED_MARK: Final = re.compile(r"(?:<[^\s>]{0,40}|<unused\d+>\w{0,6}|\[[A-Z]{0,6}|◁[a-z/]{0,6})\Z")


class _Place(Enum):
    """Where in an answer the model is."""

    START = auto()
    THOUGHT = auto()
    UNMARKED_THOUGHT = auto()
    AFTER_THOUGHT = auto()
    WORDS = auto()
    MAYBE_JSON = auto()  # which is a call or a part of the answer
    HELD = auto()  # until the answer is whole


class WordFilter:
    """The words of one answer. What it is given piece by piece it gives back as far as it can be shown."""

    def __init__(self, *, offered: Collection[str], runs_programs: bool, thinks_first: bool | None) -> None:
        """`offered`: the names of the tools. `runs_programs`: whether a block of Python would be run as a call.

        `thinks_first`: whether this model's words begin with thinking that no mark opens; None where its name decides.
        """
        self._offered = offered
        self._runs_programs = runs_programs
        self._thinks_first = thinks_first
        self._place = _Place.START
        self._text = ""  # what has come and is not decided
        self._before = "\n"  # the letter before it
        self._ends_thought = UNMARKED_THOUGHT_END
        self._pieces: list[str] = []  # of something that may be JSON
        self._pieces_chars = 0
        self._look_at_chars = _FIRST_LOOK_CHARS

    def meet(self, model: str) -> None:
        """Hear which model speaks."""
        if self._thinks_first is None and _NAMED_FOR_THINKING.search(model):
            self._thinks_first = True

    def think_apart(self) -> None:
        """Hear that the endpoint gives the thinking in fields of their own."""
        self._thinks_first = False

    def add(self, piece: str) -> str:
        """Take the next piece; returns what more can be shown."""
        self._text += piece
        shown = ""
        place = None
        while place is not self._place:
            place = self._place
            match place:
                case _Place.START:
                    self._start()
                case _Place.THOUGHT | _Place.UNMARKED_THOUGHT:
                    self._skip_thought()
                case _Place.AFTER_THOUGHT:
                    self._skip_leading_marks()
                case _Place.WORDS:
                    shown += self._pass_words()
                case _Place.MAYBE_JSON:
                    shown += self._look_at_json()
                case _Place.HELD:
                    self._text = ""
        return shown

    def _start(self) -> None:
        text = self._text = self._text.lstrip()
        if not text:
            return
        if found := thought_at(text):
            self._ends_thought, begin = found
            self._text, self._place = text[begin:], _Place.THOUGHT
        elif _may_be_a_mark(text):
            return
        elif self._thinks_first:
            self._place = _Place.UNMARKED_THOUGHT
        else:
            self._place = _Place.AFTER_THOUGHT

    def _skip_thought(self) -> None:
        end = self._ends_thought.search(self._text)
        if end is None:
            self._text = self._text[-_CARRIED_CHARS:]
            return
        self._text = self._text[end.end() :]
        # After marked thinking there may be more of it.
        self._place = _Place.START if self._place is _Place.THOUGHT else _Place.AFTER_THOUGHT
        self._thinks_first = False

    def _skip_leading_marks(self) -> None:
        text = self._text = self._text.lstrip()
        while opening := LEADING_MARK.match(text):
            if "\n" not in opening[0] and len(text) < opening.end() + _MAX_LEADING_CHARS:
                return  # the name of a role may follow
            text = self._text = text[opening.end() :].lstrip()
        if not text or _may_be_a_mark(text):
            return
        if _CALL_BEGUN.match(text):
            return
        call = _CALL_ALONE.match(text)
        is_call = call and call["opened"] and tool_named(call["name"], self._offered)
        self._place = _Place.HELD if is_call else _Place.WORDS

    def _pass_words(self) -> str:
        text = self._before + self._text
        suspect = _SUSPECT.search(text)
        while suspect and suspect.lastgroup == "program" and not self._runs_programs:
            suspect = _SUSPECT.search(text, suspect.end())
        end = suspect.start() if suspect else len(text)
        # Blanks wait for what follows: at its end an answer has none.
        shown = text[1 : max(end, 1)].rstrip()
        if suspect and suspect.lastgroup in {"mark", "program"}:
            self._place = _Place.HELD
        if suspect and suspect.lastgroup == "json":
            self._place = _Place.MAYBE_JSON
        self._text = text[1 + len(shown) :]
        self._before = shown[-1:] or self._before
        if self._place is _Place.WORDS and len(self._text) > _MAX_UNDECIDED_CHARS:
            self._place = _Place.HELD  # nothing but blanks, say: each further piece would look at all of them
        return shown

    def _look_at_json(self) -> str:
        self._pieces.append(self._text)
        self._pieces_chars += len(self._text)
        self._text = ""
        # Reading it anew with each piece would be work that grows with its square.
        if self._pieces_chars < self._look_at_chars:
            return ""
        self._look_at_chars = 2 * self._pieces_chars
        text = "".join(self._pieces)
        self._pieces = [text]
        begin = re.search(r"[{\[]", text)
        try:
            end = json.JSONDecoder(strict=False).raw_decode(text, begin.start() if begin else 0)[1]
        except (ValueError, RecursionError):
            return ""
        rest = text[end:].lstrip()
        if not rest or rest[0] in ",;{[" or calls_in_text(text, self._offered):
            return ""
        self._place, self._text, self._before = _Place.WORDS, text[end:], text[end - 1]
        self._pieces, self._pieces_chars, self._look_at_chars = [], 0, _FIRST_LOOK_CHARS
        return text[:end]


def _may_be_a_mark(text: str) -> bool:
    special = text.startswith(("<|", "<｜")) and len(text) < _MAX_LEADING_CHARS
    return special or _UNFINISHED_MARK.match(text) is not None
