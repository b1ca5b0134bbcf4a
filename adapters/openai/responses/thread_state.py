"""What this bot keeps of a thread because the service does not say it: a conversation's items carry no names.

It is written before a response is created and after it has ended, so that a start whose outcome is unknown can be
recognised by the words that were sent, and what a failed turn asked is not forgotten.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any, Final

from bot.run import RunId, RunName

Item = dict[str, Any]
"""An item of a conversation, as the service writes it."""

MAX_FILES: Final = 50  # that a container takes (AutoCodeInterpreterToolParam of the API description)
_MAX_RUNS: Final = 8
_VERSION: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """The response that was started last, and whose end has not been seen."""

    name: RunName
    items: tuple[Item, ...]  # what was sent for this turn
    run: RunId | None = None  # None while the service has not confirmed it
    question: tuple[Item, ...] = ()  # the words of the person among them, also where `items` are tool outputs
    assistant: str = ""  # the name of the one that was asked, where one was chosen


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadState:
    """`head` is the last item that is known of a conversation; in a chain, the response that the next one follows."""

    head: str = ""
    files: tuple[str, ...] = ()  # for Code Interpreter, in the order in which they came
    pending: tuple[Item, ...] = ()  # what goes in with the next response
    start: Start | None = None
    runs: tuple[tuple[RunName, RunId], ...] = ()  # the latest ones, by name

    def run_of(self, name: RunName) -> RunId | None:
        """The run of this name, if it was started and confirmed."""
        return dict(self.runs).get(name)

    def started(self, run: RunId) -> ThreadState:
        """The same, with the id of the response that `start` asked for."""
        if self.start is None:
            return self
        runs = (*self.runs, (self.start.name, run))[-_MAX_RUNS:]
        return replace(self, start=replace(self.start, run=run), runs=runs)

    def to_text(self) -> str:
        """As it is stored."""
        start = self.start
        return json.dumps(
            {
                "version": _VERSION,
                "head": self.head,
                "files": self.files,
                "pending": self.pending,
                "runs": self.runs,
                "start": start
                and {
                    "name": start.name,
                    "items": start.items,
                    "run": start.run,
                    "question": start.question,
                    "assistant": start.assistant,
                },
            },
            ensure_ascii=False,
        )

    @classmethod
    def from_text(cls, text: str) -> ThreadState:
        """As it was stored; nothing was stored for a new thread."""
        if not text:
            return cls()
        kept = json.loads(text)
        start = kept["start"]
        return cls(
            head=kept["head"],
            files=tuple(kept["files"]),
            pending=tuple(kept["pending"]),
            runs=tuple((RunName(name), RunId(run)) for name, run in kept["runs"]),
            start=Start(
                name=RunName(start["name"]),
                items=tuple(start["items"]),
                run=RunId(start["run"]) if start["run"] else None,
                question=tuple(start["question"]),
                assistant=start.get("assistant", ""),
            )
            if start
            else None,
        )

    def with_files(self, refs: tuple[str, ...]) -> tuple[str, ...]:
        """The files of the thread with these, each once; the oldest go where there are too many."""
        return tuple(dict.fromkeys((*self.files, *refs)))[-MAX_FILES:]
