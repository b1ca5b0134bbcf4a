"""Files that a person gives in the terminal, by their paths."""

from __future__ import annotations

import os
import shlex
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from bot.attachments import Attachment, objection_to
from bot.conversation import ConversationReference
from bot.errors import AttachmentError
from bot.file_names import plain_name


class GivenPaths:
    """Implements `bot.ports.IncomingFiles`: a person's files, read where they lie when the question is asked."""

    @asynccontextmanager
    async def opened(self, attachment: Attachment, reference: ConversationReference) -> AsyncIterator[Path]:
        """Look again: it may have been changed or removed meanwhile."""
        yield Path(_file_at(attachment.url).url)


def files_at(words: str) -> tuple[Attachment, ...]:
    """The files that a line of paths names, quoted as in a shell, or one path as it is. Raises AttachmentError."""
    if Path(words).expanduser().is_file():
        return (_file_at(words),)
    try:
        paths = shlex.split(words)
    except ValueError:  # a quote that is not closed
        paths = [words]
    if not paths:
        raise _refused("Which file? Say, for example: /file data.csv")
    return tuple(_file_at(path) for path in paths)


def _file_at(said: str) -> Attachment:
    path = Path(said).expanduser().absolute()
    name = plain_name(path.name)
    try:
        size_bytes = path.stat().st_size
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else "this is no path"
        raise _refused(f"{said} cannot be read: {why}.") from None
    if path.is_dir():
        raise _refused(f"{said} is a folder. I take files.")
    if not path.is_file():
        raise _refused(f"{said} is not a file.")
    if not os.access(path, os.R_OK):
        raise _refused(f"{said} cannot be read: you may not read it.")
    attachment = Attachment(name=name, url=str(path), size_bytes=size_bytes)
    objection = objection_to([attachment])
    if objection is not None:
        raise _refused(objection)
    return attachment


def _refused(sentence: str) -> AttachmentError:
    return AttachmentError("a path names no file that is taken", apology=sentence)
