"""Names of things on the wire: a prefix that tells the kind, and 96 random bits."""

from __future__ import annotations

import secrets
from typing import NewType

AssistantId = NewType("AssistantId", str)
ThreadId = NewType("ThreadId", str)
MessageId = NewType("MessageId", str)
RunId = NewType("RunId", str)
StepId = NewType("StepId", str)
FileId = NewType("FileId", str)


def new_id(prefix: str) -> str:
    """An id such as `thread_5f0c...`; file ids take a hyphen, as OpenAI's do (`file-...`)."""
    joint = "-" if prefix == "file" else "_"
    return f"{prefix}{joint}{secrets.token_hex(12)}"
