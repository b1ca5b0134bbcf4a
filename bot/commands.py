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


NEW_DONE = "This is a new conversation: I no longer look at what was said before."
STOP_DONE = "There is nothing left to stop."
DECLINED = (
    "Too many messages were waiting here, so I did not read this one, nor any that came right after it. "
    "Please send again later what you still need."
)
HINT = "Hello! Ask me something, for example: *Solve the equation y = x^2 + 3 for x = 3 and plot the function graph.*"
HELP = (
    "Ask me a question in plain words; I can compute, plot and work with data.\n\n"
    "- **/new** starts afresh, without what was said before\n"
    "- **/stop** stops the answer I am working on\n"
    "- **/help** shows this"
)
