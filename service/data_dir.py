"""The folder that everything is kept in."""

from __future__ import annotations

import errno
import os
import re
import secrets
import sqlite3
from pathlib import Path

from bot.errors import StorageError
from httpkit.atomic_write import sync_folder, write_atomically
from service.settings import Secret

_MAX_CAUSES = 10  # an error can be among its own causes
_KEY_PREFIX = "sk-local-"
_KEY = re.compile(rf"{_KEY_PREFIX}[A-Za-z0-9_-]{{43}}")


def prepare_data_dir(folder: Path) -> Path:
    """Make the folder, for its owner's eyes only, and see that it can be written. Raises StorageError."""
    try:
        if folder.is_symlink() and not folder.exists():
            raise StorageError(
                f"DATA_DIR {folder} is a link to {folder.readlink()}, which is not there", fix="Make that folder."
            )
        if not folder.exists():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            sync_folder(folder.parent)
        _close_to_others(folder)
        write_atomically(folder / "writable", bytes(4096))  # an empty file finds room on a full disk
        (folder / "writable").unlink(missing_ok=True)  # another process may look at the same moment
    except OSError as error:
        raise StorageError(
            f"DATA_DIR {folder} cannot be written: {error.strerror}",
            fix=room_hint(error) or "Set DATA_DIR to a folder this user may write.",
        ) from error
    return folder


def _close_to_others(folder: Path) -> None:
    status = folder.stat()
    if status.st_uid != os.geteuid():  # its owner reads and replaces everything in it, also root's files
        raise StorageError(
            f"DATA_DIR {folder} belongs to another user",
            fix=f"Set DATA_DIR to a folder of this user, or run: chown $(id -u) {folder}",
        )
    if not status.st_mode & 0o077:
        return
    # A folder with things in it may be somebody's home, or /tmp: not ours to lock for everybody else.
    if any(folder.iterdir()):
        raise StorageError(
            f"DATA_DIR {folder} can be entered by other users, and there are files in it",
            fix=f"Choose a folder for this program alone, such as DATA_DIR={folder / 'teamsbot'}, or run: "
            f"chmod 700 {folder}",
        )
    folder.chmod(0o700)


def kept_key(path: Path, given: Secret | None) -> tuple[Secret, bool]:
    """The key that a setting gave, else the one in this file; and whether it was made just now. Raises StorageError."""
    if given is not None:
        return given, False
    try:
        made = not path.exists()
        if made:
            write_atomically(path, f"{_KEY_PREFIX}{secrets.token_urlsafe(32)}".encode())
        key = path.read_bytes().strip().decode("ascii", "replace") if path.is_file() else ""  # a pipe would hold us
    except OSError as error:
        raise StorageError(f"a key cannot be kept in {path}: {error.strerror}") from error
    if not _KEY.fullmatch(key):
        raise StorageError(f"{path} does not hold a key; restore it, or remove it: another one is made then")
    status = path.stat()
    if status.st_uid != os.geteuid() or status.st_mode & 0o077:
        raise StorageError(f"{path} is not this user's alone. Remove it: another key is made at the next start")
    return Secret(key), made


def room_hint(error: BaseException | None) -> str:
    """What to do about a full disk, whichever file it stopped; empty where that is not the cause."""
    for _ in range(_MAX_CAUSES):
        full = isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}
        code = getattr(error, "sqlite_errorcode", None) or 0  # SQLite reports a full disk as either of these
        if full or code & 0xFF in {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR}:
            return "Make room on the disk of DATA_DIR, or set DATA_DIR to a folder on another."
        if error is None:
            break
        error = error.__cause__
    return ""
