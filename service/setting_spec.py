"""What is known of one setting."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

Value_co = TypeVar("Value_co", covariant=True)


class Section(StrEnum):
    """A heading of the settings page."""

    LISTENING = "Where it listens and keeps its data"
    STORAGE = "Keeping it elsewhere: PostgreSQL, Azure Blob Storage"
    ASSISTANT = "The assistant"
    MODEL = "The model or service behind the assistant"
    CODE = "Running code"
    LOGS = "Logs"
    LATER = "To come: refused, so that nobody believes they work"


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingSpec(Generic[Value_co]):
    """One setting: how its text is read, and how it is explained.

    `later`: its feature is to come, so a value is refused with this reason.
    `default_doc`: what the page says of a default that depends on the machine.
    """

    name: str
    section: Section
    doc: str
    example: str
    parse: Callable[[str], Value_co]
    default: str | None = None
    default_doc: str | None = None
    aliases: tuple[str, ...] = ()
    secret: bool = False
    later: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The name and all others by which the setting is known."""
        return (self.name, *self.aliases)
