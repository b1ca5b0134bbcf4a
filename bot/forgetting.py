"""`/forget`: all that a conversation has is deleted, and a receipt says what went."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bot.belongings import Belonging, BelongingKind
from bot.conversation import ConversationKey, ThreadId
from bot.errors import AssistantError, StorageError
from bot.language import _, ngettext, number
from bot.media import picture_type_of
from bot.parts import StoredFile
from bot.ports import Assistant, Belongings, Conversations, FileStore
from bot.run import FileRef

log = logging.getLogger(__name__)

_DELETE_DEADLINE_S: Final = 10.0
_DELETES_AT_ONCE: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgotten:
    """How much of a conversation was deleted, and how much could not be."""

    threads: int
    uploads: int
    pictures: int
    files: int
    turns: int
    opinions: int
    failures: int


class RecordedFiles(FileStore):
    """A file store that writes down which conversation each file belongs to."""

    def __init__(self, files: FileStore, belongings: Belongings) -> None:
        self._files = files
        self._belongings = belongings

    async def put(self, key: ConversationKey, name: str, content: bytes | Path) -> StoredFile:
        """Store the bytes, and write down that the conversation has them."""
        # A crash in between leaves a file unrecorded until its turn is resumed, which stores and records it again.
        file = await self._files.put(key, name, content)
        kind = BelongingKind.PICTURE if picture_type_of(content) else BelongingKind.FILE
        await self._belongings.add(
            key, Belonging(kind=kind, ref=file.token, name=file.name, size_bytes=file.size_bytes)
        )
        return file

    async def delete(self, token: str) -> None:
        """Delete the bytes; who deletes a belonging removes its row too."""
        await self._files.delete(token)


async def forget_conversation(
    key: ConversationKey, assistant: Assistant, files: FileStore, conversations: Conversations, belongings: Belongings
) -> Forgotten:
    """Delete all that a conversation has, and what the ledger keeps of its turns that have ended.

    What cannot be deleted now stays written down, for the next time. Raises StorageError if that cannot be read.
    """
    thread = await conversations.thread_of(key)
    if thread is not None:  # one that an earlier version opened is not written down yet
        await belongings.add(key, Belonging(kind=BelongingKind.THREAD, ref=thread))
    found = await belongings.of(key)
    few = asyncio.Semaphore(_DELETES_AT_ONCE)

    async def delete(each: Belonging) -> bool:
        try:
            async with few, asyncio.timeout(_DELETE_DEADLINE_S):
                await _delete(each, assistant, files)
                await belongings.remove(key, each)
        except (AssistantError, StorageError, TimeoutError) as error:
            log.warning("not deleted", extra={"kind": each.kind, "error": type(error).__name__, "why": str(error)})
            return False
        return True

    # Uploads come after threads, for deleting a thread ends the run that may still read them; and the thread is known
    # to its conversation until then, because a backend may keep with it what else has to be deleted.
    threads = [each for each in found if each.kind is BelongingKind.THREAD]
    others = [each for each in found if each.kind is not BelongingKind.THREAD]
    deleted = dict(zip(threads, await asyncio.gather(*map(delete, threads)), strict=True))
    deleted |= zip(others, await asyncio.gather(*map(delete, others)), strict=True)
    await conversations.forget(key)
    await conversations.choose_assistant(key, None)

    def count(kind: BelongingKind) -> int:
        return sum(each.kind is kind and is_gone for each, is_gone in deleted.items())

    return Forgotten(
        threads=count(BelongingKind.THREAD),
        uploads=count(BelongingKind.UPLOAD),
        pictures=count(BelongingKind.PICTURE),
        files=count(BelongingKind.FILE),
        turns=await belongings.forget_turns(key),
        opinions=await belongings.forget_feedback(key),
        failures=list(deleted.values()).count(False),
    )


async def _delete(belonging: Belonging, assistant: Assistant, files: FileStore) -> None:
    match belonging.kind:
        case BelongingKind.THREAD:
            await assistant.delete_thread(ThreadId(belonging.ref))
        case BelongingKind.UPLOAD:
            await assistant.delete_file(FileRef(belonging.ref))
        case BelongingKind.PICTURE | BelongingKind.FILE:
            await files.delete(belonging.ref)


def receipt(forgotten: Forgotten, *, service_keeps: bool) -> str:
    """What a person reads after `/forget`. `service_keeps`: words went to a provider that may keep logs of its own."""
    counts = (
        (forgotten.threads, ngettext("{count} thread", "{count} threads", forgotten.threads)),
        (forgotten.uploads, ngettext("{count} file that you gave", "{count} files that you gave", forgotten.uploads)),
        (forgotten.pictures, ngettext("{count} plot", "{count} plots", forgotten.pictures)),
        (forgotten.files, ngettext("{count} file that I made", "{count} files that I made", forgotten.files)),
        (
            forgotten.turns,
            ngettext("the record of {count} message", "the records of {count} messages", forgotten.turns),
        ),
        (
            forgotten.opinions,
            ngettext("{count} opinion on an answer", "{count} opinions on answers", forgotten.opinions),
        ),
    )
    lines = [f"- {sentence.format(count=number(count))}" for count, sentence in counts if count]
    heading = (
        _("I have forgotten this conversation. Deleted:") if lines else _("There was nothing left to forget here.")
    )
    paragraphs = ["\n".join([heading, "", *lines]) if lines else heading]
    if forgotten.failures:
        paragraphs.append(
            ngettext(
                "{count} thing could not be deleted at the moment. Say /forget again later.",
                "{count} things could not be deleted at the moment. Say /forget again later.",
                forgotten.failures,
            ).format(count=number(forgotten.failures))
        )
    paragraphs.append(
        _(
            "What stays: the messages in this chat itself, the record of this /forget for seven days, and how many "
            "tokens you used."
        )
    )
    if service_keeps:
        paragraphs.append(
            _("The provider of the language model may keep logs of its own for a time; its terms say how long.")
        )
    return "\n\n".join(paragraphs)
