"""Files that come with a message, on their way to the assistant's service: each once, and each loss told."""

from __future__ import annotations

import asyncio
import mimetypes
import tempfile
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Collection, Container, Iterable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import asdict, dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Final

from bot.attachments import (
    ENDINGS,
    HOSTED_ENDINGS,
    MAX_FILES,
    PICTURE_ENDINGS,
    POINTER,
    Attachment,
    cannot_read,
    protected,
    rejection_reason,
    too_many,
)
from bot.belongings import Belonging, BelongingKind
from bot.errors import AttachmentError
from bot.file_names import ending_of, unique_name, with_ending
from bot.media import ending_by_content, is_protected
from bot.ports import Assistant, IncomingFiles
from bot.run import FileRef, UploadedFile
from bot.turn import Turn
from bot.turn_record import StepKey, StepKind

MAX_PASTED_CHARS: Final = 50_000
"""A longer message is given to the assistant as a text file, and its beginning as words."""

_AT_ONCE: Final = 3
"""Files of one message on their way to this disk: one that hangs must not hold up each of the others in turn."""

_BEGINNING_CHARS: Final = 1_000
_PASTED: Final = "message.txt"

_Upload = Callable[[Container[str]], Awaitable[dict[str, Any]]]
"""Uploads under a name unlike those given; the step's result. Raises AttachmentError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenFiles:
    """What came of a message: `text` for the assistant, files at its service, and a sentence for each file left out."""

    text: str
    uploaded: tuple[UploadedFile, ...]
    refusals: tuple[str, ...]
    belongings: tuple[Belonging, ...] = ()  # the same files, as the conversation has them


async def bring_files(
    turn: Turn, incoming: IncomingFiles, assistant: Assistant, *, endings: Collection[str] | None = ENDINGS
) -> GivenFiles:
    """Bring the message's files to the assistant's service; one that cannot be taken leaves the others alone.

    `endings`: of the files that are taken; None where code opens any.
    A crash during an upload uploads that file twice; the copy that no message names does no harm. Raises StorageError,
    AssistantError.
    """
    message = turn.message
    uploaded: list[UploadedFile] = []
    belongings: list[Belonging] = []
    attachments, refusals = await _listed(turn, incoming)
    if len(attachments) > MAX_FILES:
        refusals.append(too_many())

    async def bring(index: int, upload: _Upload) -> None:
        names = {each.name for each in uploaded}
        file: Any = await turn.step(StepKey(StepKind.FILE, index), partial(_tried, upload, names))
        if isinstance(file, list):  # as version 0.1.0 recorded it
            file = {"ref": file[0], "name": attachments[index].name, "is_picture": file[1]}
        if "left_out" in file:
            refusals.append(file["left_out"])
        else:
            name, ref = file["name"], FileRef(file["ref"])
            uploaded.append(UploadedFile(ref=ref, name=name, is_picture=file["is_picture"]))
            size_bytes, link = file.get("size_bytes", 0), file.get("link", "")
            belongings.append(
                Belonging(kind=BelongingKind.UPLOAD, ref=ref, name=name, size_bytes=size_bytes, link=link)
            )

    taken = attachments[:MAX_FILES]
    missing = [each for index, each in enumerate(taken) if turn.recorded(StepKey(StepKind.FILE, index)) is None]
    async with aclosing(_read_ahead(_opened(each, turn, incoming, endings) for each in missing)) as files:
        for index, attachment in enumerate(taken):
            await bring(index, partial(_uploaded, attachment, files, assistant, endings))
    text = message.text
    if len(text) > MAX_PASTED_CHARS:
        await bring(len(attachments), partial(_pasted, text, assistant))
        whole = f"{len(text):,} characters in all, attached as {uploaded[-1].name}"
        text = f"{text[:_BEGINNING_CHARS]} ...\n\n[{whole}]"
    return GivenFiles(text=text, uploaded=tuple(uploaded), refusals=tuple(refusals), belongings=tuple(belongings))


async def _listed(turn: Turn, incoming: IncomingFiles) -> tuple[list[Attachment], list[str]]:
    """The message's files, with those that its pointers lead to, and a sentence for each pointer that leads nowhere."""
    files: list[Attachment] = []
    refusals: list[str] = []
    for index, attachment in enumerate(turn.message.attachments):
        if not attachment.is_pointer:
            files.append(attachment)
        elif incoming.looks_for_more or attachment.content_type == POINTER:
            # Written down, for the indices of the files below are those of this list.
            look = partial(_looked_up, attachment, turn, incoming)
            found: dict[str, Any] = await turn.step(StepKey(StepKind.LISTED, index), look)
            files.extend(Attachment(**file) for file in found.get("files", ()))
            refusals.extend(filter(None, (found.get("left_out"),)))
    return files, refusals


async def _looked_up(attachment: Attachment, turn: Turn, incoming: IncomingFiles) -> dict[str, Any]:
    try:
        found = await incoming.listed(attachment, turn.message.reference)
    except AttachmentError as error:
        return {"left_out": error.apology}
    return {"files": [asdict(file) for file in found]}


async def _tried(upload: _Upload, names: Container[str]) -> dict[str, Any]:
    """The result of a step: where the file is, or why it was left out."""
    try:
        return await upload(names)
    except AttachmentError as error:
        return {"left_out": error.apology}


@asynccontextmanager
async def _opened(
    attachment: Attachment, turn: Turn, incoming: IncomingFiles, endings: Collection[str] | None
) -> AsyncIterator[Path]:
    if (objection := rejection_reason([attachment], endings)) is not None:
        raise AttachmentError("a file is not of a kind that is taken", apology=objection)
    async with incoming.opened(attachment, turn.message.reference) as path:
        yield path


async def _read_ahead(
    files: Iterable[AbstractAsyncContextManager[Path]],
) -> AsyncGenerator[asyncio.Task[Path], None]:
    """Open files a few at a time and give them in their order; each is closed when the next one is asked for."""
    to_come = iter(files)
    ahead: deque[tuple[asyncio.Task[Path], AsyncExitStack]] = deque()
    try:
        while True:
            for file in islice(to_come, _AT_ONCE - len(ahead)):
                stack = AsyncExitStack()
                opening = asyncio.create_task(stack.enter_async_context(file), name="file of a message")
                ahead.append((opening, stack))
            if not ahead:
                return
            opening, stack = ahead[0]
            yield opening
            await stack.aclose()
            ahead.popleft()
    finally:
        for opening, _stack in ahead:
            opening.cancel()
        await asyncio.gather(*(opening for opening, _ in ahead), return_exceptions=True)
        for _opening, stack in ahead:
            await stack.aclose()


async def _uploaded(
    attachment: Attachment,
    files: AsyncGenerator[asyncio.Task[Path], None],
    assistant: Assistant,
    endings: Collection[str] | None,
    names: Container[str],
) -> dict[str, Any]:
    path = await (await anext(files))
    # A service may refuse a whole message for a picture that is none, so nothing is believed but bytes.
    content, size_bytes = await asyncio.to_thread(lambda: (ending_by_content(path), path.stat().st_size))
    if content is None and await asyncio.to_thread(is_protected, path):
        raise AttachmentError("a file needs a password", apology=protected(attachment.name))
    name = unique_name(_name(attachment, content, endings), names)
    ref = await assistant.upload(name, path)
    is_picture = content in PICTURE_ENDINGS
    return {"ref": ref, "name": name, "is_picture": is_picture, "size_bytes": size_bytes, "link": attachment.link}


_ONLY_A_HINT: Final = (".txt", ".zip", ".gz", ".bz2")
"""Of such content a name knows better what it is: csv, json, npz, epub, tgz."""

_SAME_CONTENT: Final = {
    ".jpg": (".jpeg", ".jpe", ".jfif"),
    ".xlsx": (".xltx",),
    ".docx": (".dotx", ".docm", ".dotm"),
    ".pptx": (".potx", ".ppsx", ".pptm", ".ppsm"),
    ".xls": (".xlt",),
    ".doc": (".dot",),
    ".ppt": (".pot", ".pps"),
    ".msg": (".oft",),
    ".sqlite": (".db", ".sqlite3"),
}
"""Other endings of files of the same format, such as templates and slide shows."""


def _name(attachment: Attachment, content: str | None, endings: Collection[str] | None) -> str:
    """The name with an ending that fits the content, where it has none or another one. Raises AttachmentError."""
    ending = ending_of(attachment.name)
    if content is None:
        if not ending:
            raise AttachmentError("a file without an ending is of no known kind", apology=cannot_read(attachment.name))
        return attachment.name
    if content == ".txt" and not ending:
        told = mimetypes.guess_extension(attachment.content_type.partition(";")[0]) or ""
        content = told if told in ({*ENDINGS, *HOSTED_ENDINGS} if endings is None else endings) else content
    if ending and (ending == content or content in _ONLY_A_HINT or ending in _SAME_CONTENT.get(content, ())):
        return attachment.name
    if endings is not None and content not in endings:  # by its name it was taken
        raise AttachmentError("a file's content is of another kind than its name", apology=cannot_read(attachment.name))
    return with_ending(attachment.name, content)


async def _pasted(text: str, assistant: Assistant, names: Container[str]) -> dict[str, Any]:
    name, data = unique_name(_PASTED, names), text.encode(errors="replace")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / _PASTED
        await asyncio.to_thread(path.write_bytes, data)
        ref = await assistant.upload(name, path)
    return {"ref": ref, "name": name, "is_picture": False, "size_bytes": len(data)}
