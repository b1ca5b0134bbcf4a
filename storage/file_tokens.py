"""Tokens of stored files: not to be guessed, and the same for the same bytes in the same conversation.

A token is a keyed hash: without the key of this installation nobody can work it out, and a turn that is resumed after
a crash stores its plot under the token it had before.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from pathlib import Path
from typing import Final

from bot.conversation import ConversationKey
from bot.errors import StorageError
from httpkit.atomic_write import write_atomically

KEY_BYTES: Final = 32
"""Of the key that makes the tokens."""

CHECKED: Final = ConversationKey(channel="doctor", tenant="", conversation="")
"""The conversation of files that a check keeps; no channel has that name."""

TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{32}")


class FileTokens:
    """Makes tokens. `key` also signs links, for which other code derives a key of its own from it."""

    def __init__(self, key: bytes) -> None:
        self.key = key

    def __repr__(self) -> str:
        return "FileTokens(key=hidden)"

    @classmethod
    def kept_in(cls, path: Path) -> FileTokens:
        """With the key in this file, which is made (mode 0600) if there is none. Raises StorageError."""
        try:
            if not path.exists():
                write_atomically(path, secrets.token_bytes(KEY_BYTES))
            key = path.read_bytes() if path.is_file() else b""  # reading a pipe would never end
        except OSError as error:
            raise StorageError(f"the link key cannot be kept in {path}: {error.strerror}") from error
        if len(key) != KEY_BYTES:
            raise StorageError(f"{path} does not hold a link key; restore it, or remove it (old links end then)")
        return cls(key)

    def token(self, key: ConversationKey, name: str, content: bytes | Path) -> str:
        """24 bytes of keyed hash as 32 characters that need no quoting in an address. Raises OSError."""
        if isinstance(content, Path):
            with content.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").digest()
        else:
            digest = hashlib.sha256(content).digest()
        message = b"\0".join((str(key).encode(), name.encode(), digest))
        return base64.urlsafe_b64encode(hmac.digest(self.key, message, "sha256")[:24]).decode()
