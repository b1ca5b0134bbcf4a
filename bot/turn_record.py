"""The words in which a ledger records a turn: its code, the keys of its steps, what it used, and how it ended.

`bot.codec` writes them.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, Final, NewType

from bot.errors import BotError

TurnCode = NewType("TurnCode", str)
"""The short name of a turn that people can read out to an administrator, such as T-7F3K.

Crockford's base 32 (https://www.crockford.com/base32.html): no I, L, O or U, and what is misread is read right.
"""

_DIGITS: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_MISREAD: Final = str.maketrans({"O": "0", "I": "1", "L": "1"})
_PREFIX: Final = "T-"
_SHORTEST: Final = 4  # digits
_MAX_NUMBER: Final = 2**63 - 1  # what a database's number can be
_LOOKS: Final = "a code looks like T-7F3K"


def code_of(number: int) -> TurnCode:
    """The code of the turn with this number in the ledger."""
    digits = ""
    while number:
        number, digit = divmod(number, 32)
        digits = _DIGITS[digit] + digits
    return TurnCode(_PREFIX + digits.rjust(_SHORTEST, "0"))


def number_of(code: str) -> int:
    """The number behind a code, written with or without its T-, in any case. Raises ValueError for anything else."""
    digits = code.strip().upper().removeprefix(_PREFIX).translate(_MISREAD)
    if not digits or not set(digits) <= set(_DIGITS):
        raise ValueError(_LOOKS)
    number = 0
    for digit in digits:
        number = number * 32 + _DIGITS.index(digit)
        if number > _MAX_NUMBER:
            raise ValueError(_LOOKS)
    return number


Outcome = NewType("Outcome", str)
"""How a turn ended. The values are stored, listed by `teamsbot turns`, and part of its JSON."""

ANSWERED: Final = Outcome("answered")
STOPPED: Final = Outcome("stopped")  # by the person
DELETED: Final = Outcome("deleted")  # the person deleted the message before the turn started
REJECTED: Final = Outcome("rejected")  # too many messages were waiting
REFUSED: Final = Outcome("refused")  # the person is not served (ALLOWED_...), or not by the assistant that answers here
WELCOMED: Final = Outcome("welcomed")  # the bot was added, and introduced itself
LIMITED: Final = Outcome("limited")  # a limit of questions or tokens was reached
UNKNOWN: Final = Outcome("unknown")  # the channel did not say whether every part of the reply arrived
UNDELIVERABLE: Final = Outcome("undeliverable")  # the conversation is closed to the bot
GIVEN_UP: Final = Outcome("given_up")  # it crashed the process too often


def failed(error: Exception) -> Outcome:
    """The outcome of a turn that ended in an error message: `failed:` and the error's code."""
    return Outcome(f"failed:{error.code if isinstance(error, BotError) else BotError.code}")


class StepKind(StrEnum):
    """What a step does. The values are stored."""

    FILE = "file"  # bring the attachment of this index to the assistant's service
    LISTED = "listed"  # ask the channel's service which files the attachment of this index points to
    FILES = "files"  # put the files of a message without words into the thread in `reference`
    RUN = "run"  # start a run in the thread in `reference`; index 1 is the run after a failed one
    TOOLS = "tools"  # give a run the tool outputs of the round of this index; `reference` is the first run of its chain
    ASSISTANT = "assistant"  # nothing: the result is the name of the chosen assistant, which is not there any more
    OPENED = "opened"  # open a thread for a conversation that had one before; the result is its id
    CALL = "call"  # a call of a function in the round of this index; `reference` is the chain's first run and the call
    CHOSEN = "chosen"  # nothing: which file a person wants deleted, as it was called then
    STATUS = "status"  # post the message that shows the work, whose place the answer takes
    REQUEST = "request"  # nothing: `reference` is the id by which the service knows the request or run that failed
    REPLY = "reply"  # what the person will be told, and the outcome
    PART = "part"  # send the part of this index
    SIGNAL = "signal"  # what the turn was told while it was unfinished; `reference` is the name of the signal
    UPLOAD = "upload"  # put a file among the person's own
    GIVE_UP = "give_up"  # send the part of this index of the error message of a turn that was given up


@dataclass(frozen=True, slots=True)
class StepKey:
    """What a step is known by, in every attempt of its turn."""

    kind: StepKind
    index: int = 0
    reference: str = ""  # an id at the outside that the step belongs to, such as a thread's


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens and runs of code. Each is 0 where the service does not say."""

    input_tokens: int = 0  # the cached ones among them
    cached_tokens: int = 0
    output_tokens: int = 0  # those of reasoning among them
    reasoning_tokens: int = 0
    code_runs: int = 0
    code_ms: int = 0  # for which code ran; the embedded server says it

    def __add__(self, other: Usage) -> Usage:
        return Usage(**{each.name: getattr(self, each.name) + getattr(other, each.name) for each in fields(Usage)})

    @classmethod
    def from_json(cls, row: Any) -> Usage | None:
        """What `dataclasses.asdict` made of one; None for None."""
        return None if row is None else cls(**{each.name: row.get(each.name, 0) for each in fields(Usage)})


def key_of(id: str) -> str:  # noqa: A002
    """An id as every database can hold it: a channel may send half characters, and NUL."""
    return id.encode("utf-8", "replace").decode().replace("\0", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnUsage:
    """What a turn consumed, and on whose behalf."""

    tenant: str  # this and the person as `key_of` gives them
    person: str  # the object id in the directory, else the channel's id of the person
    usage: Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageSum:
    """What some turns consumed together; turns that asked the assistant count, whatever became of them."""

    turns: int = 0
    usage: Usage = Usage()
