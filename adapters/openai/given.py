"""What a person gives, as a message of the protocol: words, pictures to look at, files for Code Interpreter.

https://platform.openai.com/docs/api-reference/messages/createMessage
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from bot.answer import GivenFile
from bot.attachments import listed
from bot.conversation import IncomingMessage, Scope

_CODE = [{"type": "code_interpreter"}]
MAX_SPEAKER = 80  # characters; the embedded server reads up to 100 before " wrote:"


def message_with(files: Sequence[GivenFile], message: IncomingMessage) -> dict[str, object]:
    """The body of a message; one of words alone has the plain text that all servers know."""
    said = spoken(message)
    if not files:
        return {"role": "user", "content": said}
    pictures = [{"type": "image_file", "image_file": {"file_id": file.id}} for file in files if file.is_picture]
    return {
        "role": "user",
        "content": [{"type": "text", "text": said}, *pictures] if pictures else said,
        "attachments": [{"file_id": file.id, "tools": _CODE} for file in files],
    }


def spoken(message: IncomingMessage) -> str:
    """The message as the assistant reads it: where several people read along, its first line says who wrote."""
    text = message.text
    if not text.strip() and message.attachments:  # the protocol knows no message without words
        text = f"Here is {listed(message.attachments)}."
    if message.reference.scope is Scope.PERSONAL:
        return text
    return f"{_speaker(message.reference.user.name)} wrote:\n{text}"


def _speaker(name: str) -> str:
    """A name that cannot say more than who speaks, for people choose theirs.

    No line ends, nothing without a shape (such as changes of direction), no colon. Never empty: a message without the
    first line could begin with a line of its own, in another's name.
    """
    seen = "".join(letter for letter in name if letter.isspace() or _is_shown(letter))
    words = " ".join(seen.split()) or "Someone"
    return words if len(words) <= MAX_SPEAKER else words[: MAX_SPEAKER - 1] + "…"


def _is_shown(letter: str) -> bool:
    return letter != ":" and not unicodedata.category(letter).startswith("C")
