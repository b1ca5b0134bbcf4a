"""Files that are whole or not there, whatever happens while they are written."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from pathlib import Path


def write_atomically(path: Path, content: bytes | Path, *, with_folder: bool = True) -> None:
    """Write a file that is either there with all its bytes, or those of another file, or not there. Raises OSError.

    It is still there after a power cut; `with_folder=False` leaves its name to a later `sync_folder`.
    """
    partial = path.with_name(f"{path.name}.{secrets.token_hex(4)}.partial")
    try:
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            if isinstance(content, Path):
                with content.open("rb") as source:
                    shutil.copyfileobj(source, file)
            else:
                file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.rename(path)
    except OSError:
        partial.unlink(missing_ok=True)  # a full disk has no room for rests
        raise
    if with_folder:
        sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Have the names in a folder survive a power cut, as fsync(2) demands of the folder itself. Raises OSError."""
    try:
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except PermissionError:  # who may write in it need not be allowed to list it
        return
    try:
        os.fsync(fd)
    except OSError as error:
        # Some file systems cannot do it for folders; PostgreSQL lets the same two pass (fsync_fname).
        if error.errno not in (errno.EBADF, errno.EINVAL):
            raise
    finally:
        os.close(fd)
