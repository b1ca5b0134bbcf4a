"""Files that come with a message: which are taken, and what people are told of the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from bot.file_names import ending_of

MAX_FILES: Final = 10
MAX_FILE_BYTES: Final = 50_000_000
PICTURE_ENDINGS: Final = (".png", ".jpg", ".jpeg", ".gif", ".webp")
ENDINGS: Final = (".csv", ".tsv", ".xlsx", ".json", ".txt", ".md", ".pdf", *PICTURE_ENDINGS)

TAKEN: Final = "tables (csv, tsv, xlsx), text (txt, md, json), pdf, and pictures (png, jpeg, gif, webp)"
TOO_MANY: Final = f"I can take at most {MAX_FILES} files with one message."


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A file, not yet read."""

    name: str  # as `plain_name` makes it
    url: str  # where the channel keeps it; only the channel's own adapter opens it
    content_type: str = ""  # what the channel says it is, which need not be true
    size_bytes: int | None = None  # where the channel says it


def objection_to(attachments: Sequence[Attachment]) -> str | None:
    """Why these files are not taken, as a sentence for their sender; None if they may come."""
    if len(attachments) > MAX_FILES:
        return TOO_MANY
    for attachment in attachments:
        if ending_of(attachment.name) not in ENDINGS:
            return f"I cannot read {attachment.name}. I take {TAKEN}."
        if attachment.size_bytes == 0:
            return empty(attachment.name)
        if (attachment.size_bytes or 0) > MAX_FILE_BYTES:
            return too_large(attachment.name)
    return None


def too_large(name: str) -> str:
    """What a person reads of a file beyond the limit."""
    return f"{name} is larger than {MAX_FILE_BYTES // 1_000_000} MB, the most that I can take."


def empty(name: str) -> str:
    """What a person reads of a file without a byte in it."""
    return f"{name} is empty."


def what_to_do_with(attachments: Sequence[Attachment]) -> str:
    """The answer to files without a word."""
    names = join_names([attachment.name for attachment in attachments])
    them = "it" if len(attachments) == 1 else "them"
    return f"I have {names}. What shall I do with {them}? You could ask, for example: *What is in {them}?*"


def join_names(names: Sequence[str]) -> str:
    """The names as in a sentence: "a.csv, b.csv and c.csv"."""
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
