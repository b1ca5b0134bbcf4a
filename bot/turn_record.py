"""The words in which a ledger records a turn: the keys of its steps, and how it ended. `bot.codec` writes them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NewType

from bot.errors import BotError

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
