"""The parts of a reply. One part is one message in the chat, sent once and known by its id."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import StrEnum

from bot.language import _
from bot.run import CodeCell
from bot.turn_record import ANSWERED, Outcome, TurnCode, Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A file that a text refers to as `[position]`, and where people open it, if that is known."""

    position: int
    name: str
    link: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """What a client shows at a part of an answer, beside the part itself. The bot's own sentences have none."""

    is_ai_generated: bool = False  # shown as a label
    takes_feedback: bool = False
    sources: tuple[Source, ...] = ()
    follow_ups: tuple[str, ...] = ()  # questions that the person may ask by a press


@dataclass(frozen=True, slots=True, kw_only=True)
class TextPart:
    """Words, in Markdown the channel knows and short enough for it."""

    text: str
    to_asker: bool = False  # mentions the person who asked, for others read along
    marks: Marks | None = None
    code: tuple[
        CodeCell, ...
    ] = ()  # that ran for it, where no card shows the code; for a client that shows it by a text


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    """A file in the store. `token` finds it there, and cannot be guessed; an address is made of it when it is sent.

    One that `is_given` lies at the assistant's service, where `token` is its id, and for people at `link` if anywhere.
    """

    token: str
    name: str
    size_bytes: int
    is_given: bool = False
    link: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedFile:
    """A stored file as it goes out again; `picture_type` is its media type if it may be shown, else None."""

    name: str
    data: bytes
    picture_type: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenFile:
    """A stored file that is open for reading; `picture_type` as of `ServedFile`.

    `chunks` are its bytes, once, each read when it is asked for. They raise StorageError.
    """

    name: str
    size_bytes: int
    picture_type: str | None
    chunks: AsyncIterator[bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """What is shown of an answer on request."""

    explanation: str = ""  # Markdown
    code: tuple[CodeCell, ...] = ()
    data: StoredFile | None = None  # a csv file of what was drawn


class ChartKind(StrEnum):
    """What a chart that a client draws looks like."""

    LINE = "line"
    BARS = "bars"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartSeries:
    """One line, or one set of bars; each point is a place (a number, a date or a name) and a height."""

    name: str
    points: tuple[tuple[float | str, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """What a picture shows, for a client that draws charts itself."""

    kind: ChartKind
    across: str  # what the places are
    series: tuple[ChartSeries, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PicturePart:
    """A plot, shown as a card. `chart` is shown in its place by a client that can."""

    file: StoredFile
    alt_text: str
    chart: Chart | None = None
    details: Details | None = None
    marks: Marks | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table of an answer, its cells without markup, every row as long as the header."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    sides: tuple[str, ...]  # of each column: left, center or right
    block: str  # the same in Markdown that shows everywhere: columns in a fixed-width font


class TableForm(StrEnum):
    """How Teams shows the tables of answers."""

    CARD = "card"
    BLOCK = "block"
    EXTENDED_MARKDOWN = "extendedmarkdown"  # Markdown with tables, in public developer preview


@dataclass(frozen=True, slots=True, kw_only=True)
class TablePart:
    """A table of its own, where the channel has something for tables."""

    table: Table
    marks: Marks | None = None
    as_block: bool = False  # also where tables are shown as such


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesPart:
    """Files, as links in one card."""

    files: tuple[StoredFile, ...]
    marks: Marks | None = None
    as_links: bool = False  # also where files are offered instead
    can_be_deleted: bool = False  # by a button beside each


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedFilePart:
    """A file that was put among a person's own, at its address there. `unique_id` and `file_type` are OneDrive's."""

    name: str
    url: str
    unique_id: str
    file_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ApologyPart:
    """Why there is no answer, and the code under which an administrator finds the turn."""

    text: str
    code: TurnCode
    question: str  # what a "Try again" sends once more; empty where that would not help
    to_asker: bool = False  # as of TextPart

    @property
    def words(self) -> str:
        """All of it as plain text."""
        return f"{self.text}\n\n{_('Code {code}.').format(code=self.code)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class WelcomePart:
    """How the bot introduces itself, with questions to begin with."""

    text: str
    starters: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One of several things to choose by a press; `says` is what the person says by it."""

    name: str
    description: str
    says: str
    is_present: bool = False  # the one that holds now


@dataclass(frozen=True, slots=True, kw_only=True)
class ChoicePart:
    """What there is to choose from, below a sentence."""

    text: str
    choices: tuple[Choice, ...]

    @property
    def words(self) -> str:
        """All of it as Markdown, where nothing can be pressed."""
        rows = [f"- {_choice_line(choice)}" for choice in self.choices]
        return "\n\n".join((self.text, "\n".join(rows))) if rows else self.text


def _choice_line(choice: Choice) -> str:
    name = f"**{choice.name}**" + (f" ({_('answers here')})" if choice.is_present else "")
    return f"{name}: {choice.description}" if choice.description else name


Part = TextPart | TablePart | PicturePart | FilesPart | SavedFilePart | ApologyPart | WelcomePart | ChoicePart


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """Everything that is said to one message, and what that makes of the turn."""

    parts: tuple[Part, ...]
    outcome: Outcome = ANSWERED
    usage: Usage | None = None  # None if the assistant was not asked
