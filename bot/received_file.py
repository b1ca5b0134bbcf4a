"""A file from outside, on its way to disk."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterable, Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import BinaryIO, TypeVar

from bot.attachments import MAX_FILE_BYTES, empty, too_large
from bot.errors import AttachmentError, StorageError

T = TypeVar("T")


async def receive(chunks: AsyncIterable[bytes], into: Path, *, name: str) -> int:
    """Write a file down as it comes, never more than the limit of it; its size in bytes.

    Raises AttachmentError for one that is too large or empty, StorageError if the disk does not take it. Whatever is
    raised, by `chunks` too, and also when this is cancelled: nothing stays behind.
    """
    size_bytes = 0
    with ExitStack() as undo:
        undo.callback(into.unlink, missing_ok=True)
        file = undo.enter_context(await _on_disk(lambda: into.open("xb")))
        async for chunk in chunks:
            size_bytes += len(chunk)
            if size_bytes > MAX_FILE_BYTES:
                raise AttachmentError(f"a file has more than {MAX_FILE_BYTES} bytes", apology=too_large(name))
            await _on_disk(partial(file.write, chunk))
        if size_bytes == 0:
            raise AttachmentError("a file has no bytes", apology=empty(name))
        await _on_disk(partial(_finish, file))
        undo.pop_all()
    return size_bytes


async def _on_disk(work: Callable[[], T]) -> T:
    try:
        return await asyncio.to_thread(work)
    except OSError as error:
        raise StorageError(f"a file cannot be kept: {error.strerror}") from error


def _finish(file: BinaryIO) -> None:
    with file:
        file.flush()
        os.fsync(file.fileno())
