"""Functions of the operator's own, which the assistant may call: what is known of each, and for whom a call is made.

The files of an operator import `Caller` and `repeatable` from here. This module imports next to nothing, because every
call starts a process that imports it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from bot.ports import Functions

_F = TypeVar("_F", bound=Callable[..., object])

REPEATABLE: Final = "__teamsbot_repeatable__"
"""The attribute by which `repeatable` marks a function."""

INTERRUPTED: Final = (
    "This call was interrupted by a restart, and whether it was carried out is not known. It was not made again. "
    "Say so, and do not call it again unless the person asks for it."
)
"""The output of a call that was started before a crash."""


NOTHING_CALLED: Final = "Nothing was called: "
"""How the output of a call begins that was not made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """For whom a call is made. The bot fills it in; the model can neither see nor change it.

    A function gets one by a parameter with this type, which is not part of its JSON schema.
    """

    turn: str  # the code that `teamsbot explain` takes
    call: str  # unique to this call and the same when it is repeated: an idempotency key
    person: str  # the channel's id of the person who asked
    name: str  # as people see it; people choose theirs, so decide nothing by it
    directory_id: str  # the person's object id in Microsoft Entra ID; empty where the channel does not say it
    tenant: str
    channel: str  # msteams, webchat, terminal
    conversation: str
    scope: str  # personal, group or channel: who reads the answer
    locale: str  # such as en-GB; empty where the channel does not say it


def repeatable(function: _F) -> _F:
    """Mark a function whose call may be made a second time, because that changes nothing.

    A call that a crash cut off is then made again. Of any other function the model is told that the outcome is unknown.
    """
    setattr(function, REPEATABLE, True)
    return function


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionDefinition:
    """A function as a backend offers it to the model."""

    name: str  # 1 to 64 of a-z, A-Z, 0-9, _ and -
    description: str
    parameters: Mapping[str, Any]  # a JSON schema of type object


def no_such_function(offered: Sequence[FunctionDefinition]) -> str:
    """The output of a call to a function that does not exist."""
    names = ", ".join(definition.name for definition in offered)
    return f"This function is not available. The functions on offer are: {names or 'none'}."


class OnlyFunctions:
    """Implements `bot.ports.Functions` with some of the operator's: the others do not exist for this assistant."""

    def __init__(self, functions: Functions, names: Sequence[str]) -> None:
        self._functions = functions
        self._names = frozenset(names)

    @property
    def definitions(self) -> tuple[FunctionDefinition, ...]:
        """Those of these names."""
        return tuple(each for each in self._functions.definitions if each.name in self._names)

    def may_repeat(self, name: str) -> bool:
        """As the function says; true for one that is not among them."""
        return name not in self._names or self._functions.may_repeat(name)

    async def call(self, name: str, arguments: str, caller: Caller) -> str:
        """Make the call, or say which functions there are."""
        if name not in self._names:
            return no_such_function(self.definitions)
        return await self._functions.call(name, arguments, caller)


class NoFunctions:
    """Implements `bot.ports.Functions` where the operator has none."""

    definitions: tuple[FunctionDefinition, ...] = ()

    def may_repeat(self, name: str) -> bool:
        """True: a call that nobody carries out changes nothing."""
        return True

    async def call(self, name: str, arguments: str, caller: Caller) -> str:
        """Say that there are none."""
        return no_such_function(self.definitions)
