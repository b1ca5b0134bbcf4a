"""The assistants that people can choose from, as the operator describes them, and who may use which."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

from bot.conversation import OWN_CHANNELS, ConversationReference
from bot.language import _
from bot.sentences import STARTERS

_ALIKE: Final = 0.6  # of difflib's ratio: "Statistcs" and "statistic" are names that were meant
_MAX_GUESSES: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One assistant. What is None or empty comes from the settings, or from the service that keeps the assistant.

    `users` and `tenants` are ids of the directory, in small letters; None means everybody.
    """

    name: str
    description: str = ""
    instructions: str = ""
    model: str | None = None
    runs_code: bool = True
    functions: tuple[str, ...] | None = None  # names; None means all
    starters: tuple[str, ...] | None = None  # questions to begin with; None means those of the shipped assistant
    files: tuple[Path, ...] = ()
    users: frozenset[str] | None = None
    tenants: frozenset[str] | None = None
    service_id: str | None = None  # of an assistant that exists at the service
    agent: str | None = None  # of a Foundry project

    def admits(self, reference: ConversationReference) -> bool:
        """Whether the person who speaks may use it. At this machine's own channels everybody may."""
        if reference.key.channel in OWN_CHANNELS:
            return True
        # What is not said never counts as allowed.
        in_tenant = self.tenants is None or reference.key.tenant.lower() in self.tenants
        return in_tenant and (self.users is None or reference.user.directory_id.lower() in self.users)

    @property
    def questions(self) -> tuple[str, ...]:
        """Questions to begin with, in the person's language where they are the shipped ones."""
        return tuple(map(_, STARTERS)) if self.starters is None else self.starters


class SpeakerKind(StrEnum):
    """What answers for an assistant."""

    TUTOR = "tutor"  # the built-in one, which is no language model
    MODEL = "model"
    ASSISTANT = "assistant"  # of a service with the Assistants API
    AGENT = "agent"  # of Microsoft Foundry


@dataclass(frozen=True, slots=True, kw_only=True)
class Speaker:
    """What answers, by its name at an address."""

    kind: SpeakerKind
    name: str
    address: str = ""


def same_name(name: str) -> str:
    """A name in the form in which two that differ in case or blanks are equal."""
    return " ".join(name.split()).casefold()


@dataclass(frozen=True, slots=True, kw_only=True)
class Profiles:
    """All assistants, in the operator's order. `default` is one of them and answers where none was chosen."""

    default: Profile
    all: tuple[Profile, ...] = field(default=())

    @property
    def are_several(self) -> bool:
        """Whether there is anything to choose."""
        return len(self.all) > 1

    def named(self, name: str) -> Profile | None:
        """The assistant of this name, in any case."""
        return next((each for each in (*self.all, self.default) if same_name(each.name) == same_name(name)), None)

    def open_to(self, reference: ConversationReference) -> tuple[Profile, ...]:
        """Those that the person who speaks may use."""
        return tuple(each for each in self.all or (self.default,) if each.admits(reference))

    def like(self, name: str, reference: ConversationReference) -> tuple[Profile, ...]:
        """Those that the person may use and may have meant: names that hold the words, or are spelt much like them."""
        candidates = {same_name(each.name): each for each in self.open_to(reference)}
        wanted = same_name(name)
        alike = difflib.get_close_matches(wanted, candidates, n=_MAX_GUESSES, cutoff=_ALIKE)
        # "statistcs" is far from "statistics tutor" as a whole, and near to its first word.
        words = {word: key for key in reversed(candidates) for word in key.split()}
        near = [words[word] for word in difflib.get_close_matches(wanted, words, n=_MAX_GUESSES, cutoff=0.75)]
        holding = [key for key in candidates if wanted and wanted in key]
        return tuple(candidates[key] for key in dict.fromkeys((*holding, *alike, *near)))[:_MAX_GUESSES]


ONLY_DEFAULT: Final = Profiles(default=Profile(name="Math Tutor"))
"""One assistant that has no other name here than the shipped one."""
