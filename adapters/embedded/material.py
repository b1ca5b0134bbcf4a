"""What a request to the model is made of, as it lies in the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from adapters.embedded.ids import FileId, MessageId, RunId
from adapters.embedded.objects import File, ImageFilePart, ImageUrlPart, Message
from adapters.embedded.products import Product
from adapters.embedded.rows import Rows, Window
from adapters.embedded.run_objects import MessageCreation, Run, RunStep
from adapters.embedded.workspace import attached, thread_files

MAX_MESSAGES = 200
MAX_EARLIER_RUNS = 5
"""Whose code is shown to the model again, so that "the same in red" can be done."""
MAX_PICTURES = 8

PicturePart = ImageFilePart | ImageUrlPart


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """A thread up to a run, and the run so far."""

    run: Run
    messages: Sequence[Message]  # before the run, oldest first
    steps: Mapping[RunId, Sequence[RunStep]]  # of this run and the latest before it
    said: Mapping[MessageId, Message]  # in those steps
    products: Sequence[Product]  # of the thread
    files: Mapping[FileId, File]  # attached to the messages
    folder: Sequence[str]  # the names in /mnt/data

    @property
    def pictures(self) -> tuple[PicturePart, ...]:
        """The latest pictures that people gave, oldest first."""
        parts = [part for message in self.messages if message.role == "user" for part in message.content]
        return tuple(part for part in parts if isinstance(part, PicturePart))[-MAX_PICTURES:]


def gather(rows: Rows, run: Run) -> Material:
    """Read all that the next request of a run may need."""
    newest_first, _ = rows.page(Message, Window(limit=MAX_MESSAGES), thread_id=run.thread_id)
    messages = [message for message in newest_first[::-1] if message.run_id != run.id]
    kept = _last_messages(run)
    messages = messages[-kept:] if kept else messages
    steps = {id_: rows.all(RunStep, run_id=id_) for id_ in (*_latest_runs(messages), run.id)}
    given = [file_id for message in messages if message.role == "user" for file_id in attached(message)]
    files = [rows.find(File, file_id) for file_id in given]
    return Material(
        run=run,
        messages=messages,
        steps=steps,
        said={message.id: message for message in _said(rows, steps)},
        products=rows.products(run.thread_id),
        files={file.id: file for file in files if file},
        folder=list(thread_files(rows, run)),
    )


def _last_messages(run: Run) -> int | None:
    if run.truncation_strategy["type"] != "last_messages":
        return None
    return run.truncation_strategy.get("last_messages") or 1


def _latest_runs(messages: Sequence[Message]) -> list[RunId]:
    runs = dict.fromkeys(message.run_id for message in reversed(messages) if message.run_id)
    return list(runs)[:MAX_EARLIER_RUNS]


def _said(rows: Rows, steps: Mapping[RunId, Sequence[RunStep]]) -> list[Message]:
    details = [step.step_details for of_run in steps.values() for step in of_run]
    ids = [detail.message_creation.message_id for detail in details if isinstance(detail, MessageCreation)]
    return [message for id_ in ids if (message := rows.find(Message, id_))]
