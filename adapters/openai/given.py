"""What a person gives, as a message of the protocol: words, pictures to look at, files for Code Interpreter.

https://platform.openai.com/docs/api-reference/messages/createMessage
"""

from __future__ import annotations

from collections.abc import Sequence

from bot.answer import GivenFile
from bot.attachments import listed
from bot.conversation import IncomingMessage, Scope

_CODE = [{"type": "code_interpreter"}]


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
    """The message as the assistant reads it: where several people speak, a first line says who does."""
    text = message.text
    if not text.strip() and message.attachments:  # the protocol knows no message without words
        text = f"Here is {listed(message.attachments)}."
    speaker = " ".join(message.reference.user.name.split())
    if message.reference.scope is Scope.PERSONAL or not speaker:
        return text
    return f"{speaker} wrote:\n{text}"
