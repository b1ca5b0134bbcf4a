"""The parts of a reply. One part is one message in the chat, sent once and known by its id."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from bot.timeline import ANSWERED, Outcome
from bot.turn_code import TurnCode


@dataclass(frozen=True, slots=True, kw_only=True)
class TextPart:
    """Words, in Markdown the channel knows and short enough for it."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PicturePart:
    """A plot, shown as a card."""

    url: str
    alt_text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FileLink:
    """A file to fetch."""

    name: str
    url: str
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesPart:
    """Files, as links in one card."""

    links: tuple[FileLink, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ApologyPart:
    """Why there is no answer, and the code under which whoever runs the bot finds the turn."""

    text: str
    code: TurnCode
    question: str  # what a "Try again" sends once more; empty where that would not help

    @property
    def words(self) -> str:
        """All of it as plain text."""
        return f"{self.text}\n\nCode {self.code}."


@dataclass(frozen=True, slots=True, kw_only=True)
class WelcomePart:
    """How the bot introduces itself, with questions to begin with."""

    text: str
    starters: tuple[str, ...]


Part = TextPart | PicturePart | FilesPart | ApologyPart | WelcomePart


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """Everything that is said to one message, and what that makes of the turn."""

    parts: tuple[Part, ...]
    outcome: Outcome = ANSWERED

    def to_json(self) -> dict[str, object]:
        """As a step of a turn keeps it."""
        return {"outcome": self.outcome, "parts": parts_to_json(self.parts)}

    @classmethod
    def from_json(cls, record: object) -> Reply:
        """The reply that `to_json` wrote; the first version of this program wrote the parts alone."""
        match record:
            case {"outcome": str(outcome), "parts": list(rows)}:
                return cls(parts=parts_from_json(rows), outcome=Outcome(outcome))
            case list(rows):
                return cls(parts=parts_from_json(rows))
            case _:
                raise ValueError("a reply of this shape is not known to this version")


def parts_to_json(parts: Sequence[Part]) -> list[dict[str, object]]:
    """As a step of a turn keeps them."""
    return [{"kind": type(part).__name__, **asdict(part)} for part in parts]


def parts_from_json(rows: Sequence[dict[str, object]]) -> tuple[Part, ...]:
    """The parts that `parts_to_json` wrote."""
    return tuple(_part(dict(row)) for row in json.loads(json.dumps(rows)))


def _part(row: dict[str, object]) -> Part:
    match row.pop("kind"):
        case "TextPart":
            return TextPart(text=str(row["text"]))
        case "PicturePart":
            return PicturePart(url=str(row["url"]), alt_text=str(row["alt_text"]))
        case "FilesPart":
            links = row["links"]
            assert isinstance(links, list)  # noqa: S101 - written by parts_to_json
            return FilesPart(links=tuple(FileLink(**link) for link in links))
        case "ApologyPart":
            code, question = TurnCode(str(row["code"])), str(row["question"])
            return ApologyPart(text=str(row["text"]), code=code, question=question)
        case "WelcomePart":
            starters = row["starters"]
            assert isinstance(starters, list)  # noqa: S101 - written by parts_to_json
            return WelcomePart(text=str(row["text"]), starters=tuple(starters))
        case kind:
            raise ValueError(f"a reply part of kind {kind!r} is not known to this version")
