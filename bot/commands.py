"""What a person can tell the bot itself, instead of the assistant."""

from __future__ import annotations

from enum import StrEnum


class Command(StrEnum):
    """A message that is one of these words alone is a command, in any case."""

    NEW = "/new"
    STOP = "/stop"
    HELP = "/help"


def command_in(text: str) -> Command | None:
    """The command that this text is, if it is one."""
    word = text.strip().lower()
    return Command(word) if word in set(Command) else None
