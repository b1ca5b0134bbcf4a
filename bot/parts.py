"""The parts of a reply. One part is one message in the chat, sent once and known by its id."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass


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


Part = TextPart | PicturePart | FilesPart


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
        case kind:
            raise ValueError(f"a reply part of kind {kind!r} is not known to this version")
