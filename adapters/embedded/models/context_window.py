"""Cuts a conversation down to the context window of a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from adapters.embedded.models.port import ModelMessage, ModelRequest, Speaker

OUTPUT_CHARS = 20_000
OLD_OUTPUT_CHARS = 1_000
PICTURE_CHARS = 4_000
"""A picture of the size that is sent costs a model some thousand tokens."""


def cut_to_fit(messages: Sequence[ModelMessage], max_chars: int) -> tuple[ModelMessage, ...]:
    """The end of the conversation that fits.

    The last question and what was done about it always stay: there, outputs are shortened, the oldest first. Of what
    was before, the newest messages stay, and outputs never without their calls.
    """
    start = next((n for n in reversed(range(len(messages))) if messages[n].speaker is Speaker.USER), 0)
    work = _shortened(messages[start:], max_chars)
    left, kept = max_chars - sum(map(_size, work)), start
    while kept > 0 and (left := left - _size(messages[kept - 1])) >= 0:
        kept -= 1
    while kept < start and messages[kept].speaker is Speaker.TOOL:
        kept += 1
    return (*messages[kept:start], *work)


def size_chars(request: ModelRequest) -> int:
    """How much there is to read, without the tools on offer."""
    return len(request.instructions) + len(request.briefing) + sum(map(_size, request.messages))


def cut_in_the_middle(text: str, max_chars: int) -> str:
    """Head and tail of a long text, and how much is missing."""
    if len(text) <= max_chars:
        return text
    half = max_chars // 2
    return f"{text[:half]}\n[{len(text) - 2 * half} characters left out]\n{text[len(text) - half :]}"


def _shortened(messages: Sequence[ModelMessage], max_chars: int) -> list[ModelMessage]:
    work = list(messages)
    for longest in (OLD_OUTPUT_CHARS, OLD_OUTPUT_CHARS // 4):
        for place, message in enumerate(work):
            if sum(map(_size, work)) <= max_chars:
                return work
            if message.speaker is Speaker.TOOL:
                work[place] = replace(message, text=cut_in_the_middle(message.text, longest))
    return work


def _size(message: ModelMessage) -> int:
    written = sum(len(call.arguments) for call in message.tool_calls)
    original_chars = message.original.size_bytes if message.original else 0
    return max(len(message.text) + written, original_chars) + PICTURE_CHARS * len(message.pictures)
