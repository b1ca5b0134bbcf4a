"""Names that cannot be guessed, and that are the same for the same bytes in the same conversation.

A name is a keyed hash: without the key of this installation nobody can work it out, and a turn that is resumed after
a crash stores its plot under the name it had before.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from pathlib import Path
from urllib.parse import quote

from bot.conversation import ConversationKey
from bot.errors import StorageError
from httpkit.atomic_write import write_atomically

KEY_BYTES = 32
"""Of the key that makes the tokens."""

TOKEN = re.compile(r"[A-Za-z0-9_-]{32}")


class LinkNames:
    """Makes the tokens in `/files/<token>/<name>`."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def __repr__(self) -> str:
        return "LinkNames(key=hidden)"

    @classmethod
    def kept_in(cls, path: Path) -> LinkNames:
        """With the key in this file, which is made (mode 0600) if there is none. Raises StorageError."""
        try:
            if not path.exists():
                write_atomically(path, secrets.token_bytes(KEY_BYTES))
            key = path.read_bytes() if path.is_file() else b""  # a pipe would hold us for ever
        except OSError as error:
            raise StorageError(f"the link key cannot be kept in {path}: {error.strerror}") from error
        if len(key) != KEY_BYTES:
            raise StorageError(f"{path} does not hold a link key; restore it, or remove it (old links end then)")
        return cls(key)

    def token(self, key: ConversationKey, name: str, data: bytes) -> str:
        """24 bytes of keyed hash as 32 characters that need no quoting in an address."""
        content = hashlib.sha256(data).digest()
        message = b"\0".join((str(key).encode(), name.encode(), content))
        return base64.urlsafe_b64encode(hmac.digest(self._key, message, "sha256")[:24]).decode()


def address(public_url: str, token: str, name: str) -> str:
    """The whole address of a stored file."""
    return f"{public_url.rstrip('/')}/files/{token}/{quote(name, safe='')}"
