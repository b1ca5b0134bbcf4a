"""What a request to the model is made of: messages, steps, files and pictures up to a run."""

from __future__ import annotations

import base64
import binascii
import logging
import re
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from adapters.embedded.api_errors import ApiError
from adapters.embedded.api_objects import File, FileId, ImageFilePart, ImageUrlPart, Message, MessageId, RunId, StepId
from adapters.embedded.blob_folder import FileFolder
from adapters.embedded.code_interpreter import FolderFiles, thread_files
from adapters.embedded.models.port import ModelPicture, OriginalMessage
from adapters.embedded.object_store import Rows, Window
from adapters.embedded.run_objects import GeneratedFile, MessageCreation, Run, RunStep
from adapters.sandbox.picture_header import read_picture_header

log = logging.getLogger(__name__)

MAX_MESSAGES = 200
MAX_EARLIER_RUNS = 5
"""Whose code is shown to the model again, so that "the same in red" can be done."""
MAX_PICTURES = 8

PicturePart = ImageFilePart | ImageUrlPart
Shown = Mapping[PicturePart, ModelPicture]
"""The pictures of a conversation that the model can be shown, ready to be sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunContext:
    """A thread up to a run, and the run so far."""

    run: Run
    messages: Sequence[Message]  # before the run, oldest first
    steps: Mapping[RunId, Sequence[RunStep]]  # of this run and the latest before it
    said: Mapping[MessageId, Message]  # in those steps
    originals: Mapping[StepId, OriginalMessage]  # what the model said in them, as it came
    products: Sequence[GeneratedFile]  # of the thread
    files: Mapping[FileId, File]  # attached to the messages
    folder: FolderFiles  # what lies in /mnt/data

    @property
    def pictures(self) -> tuple[PicturePart, ...]:
        """The latest pictures that people gave, oldest first."""
        parts = [part for message in self.messages if message.role == "user" for part in message.content]
        return tuple(part for part in parts if isinstance(part, PicturePart))[-MAX_PICTURES:]


def read_context(rows: Rows, run: Run) -> RunContext:
    """Read all that the next request of a run may need."""
    newest_first, _ = rows.page(Message, Window(limit=MAX_MESSAGES), thread_id=run.thread_id)
    messages = [message for message in newest_first[::-1] if message.run_id != run.id]
    if run.truncation_strategy["type"] == "last_messages":
        messages = messages[-(run.truncation_strategy.get("last_messages") or 1) :]
    # Newest first, each run once: only the latest runs are shown with their code.
    earlier = list(dict.fromkeys(message.run_id for message in reversed(messages) if message.run_id))
    steps = {id_: rows.all(RunStep, run_id=id_) for id_ in (*earlier[:MAX_EARLIER_RUNS], run.id)}
    details = [step.step_details for of_run in steps.values() for step in of_run]
    said_ids = [detail.message_creation.message_id for detail in details if isinstance(detail, MessageCreation)]
    given = [file_id for message in messages if message.role == "user" for file_id in message.file_ids]
    files = [rows.find(File, file_id) for file_id in given]
    return RunContext(
        run=run,
        messages=messages,
        steps=steps,
        # A client may have deleted a message that a step still names.
        said={id_: message for id_ in said_ids if (message := rows.find(Message, id_))},
        originals={
            step.id: original for of_run in steps.values() for step in of_run if (original := rows.original(step.id))
        },
        products=rows.products(run.thread_id),
        files={file.id: file for file in files if file},
        folder=thread_files(rows, run),
    )


MAX_KEPT = 32
_DATA_URL = re.compile(r"data:image/[\w.+-]{1,40};base64,", re.IGNORECASE)


class PictureFitter(Protocol):
    """Brings a picture to a size and kind that any model takes; `adapters.sandbox` has the real one."""

    async def fit(self, data: bytes) -> bytes | None:
        """Return it as PNG or JPEG, or None where it cannot be shown; never raises for what the bytes are."""
        ...


class Pictures:
    """Fits pictures, and keeps the latest: each exchange with the model shows them again."""

    def __init__(self, *, fitter: PictureFitter, folder: FileFolder) -> None:
        self._fitter = fitter
        self._folder = folder
        self._kept: OrderedDict[PicturePart, ModelPicture | None] = OrderedDict()

    async def shown(self, parts: Iterable[PicturePart]) -> Shown:
        """Those of the pictures that can be shown."""
        return {part: picture for part in parts if (picture := await self._fitted(part))}

    async def _fitted(self, part: PicturePart) -> ModelPicture | None:
        if part not in self._kept:
            self._kept[part] = await self._fit(part)
            if len(self._kept) > MAX_KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(part)
        return self._kept[part]

    async def _fit(self, part: PicturePart) -> ModelPicture | None:
        data = await self._data(part)
        cut_to_fit = await self._fitter.fit(data) if data else None
        header = read_picture_header(cut_to_fit) if cut_to_fit else None
        if cut_to_fit is None or header is None:
            log.info("picture not shown to the model", extra={"given": len(data)})
            return None
        detail = part.image_file.detail if isinstance(part, ImageFilePart) else part.image_url.detail
        return ModelPicture(media_type=header.kind, data=cut_to_fit, detail=detail)

    async def _data(self, part: PicturePart) -> bytes:
        """The bytes; none for a file that is gone, and for an address: opening it could send a request anywhere."""
        if isinstance(part, ImageFilePart):
            try:
                return await self._folder.read(part.image_file.file_id)
            except ApiError:
                return b""
        begin = _DATA_URL.match(part.image_url.url)
        try:
            return base64.b64decode(part.image_url.url[begin.end() :], validate=True) if begin else b""
        except (binascii.Error, ValueError):
            return b""
