"""Files of answers in one-to-one chats of Teams: offered, and kept in the person's own files once they agree.

https://learn.microsoft.com/microsoftteams/platform/bots/how-to/bots-filesv4
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from bot.conversation import ConversationReference, FileConsent, consent_prefix
from bot.errors import ChannelError, UploadError
from bot.language import N_, _
from bot.parts import FilesPart, Part, Reply, SavedFilePart, StoredFile, TextPart
from bot.ports import Channel, FileReader, FileUploads, TurnsOfConversation
from bot.turn import Turn
from bot.turn_record import ANSWERED, StepKey, StepKind

log = logging.getLogger(__name__)

_LOOKED_BACK: Final = 200
"""Turns, for an earlier answer to the same offer."""

_UPLOAD: Final = StepKey(StepKind.UPLOAD)

DECLINED: Final = N_("All right, I did not save {name}.")
NOT_OFFERED: Final = N_("I did not offer this file in this chat, so I leave it alone.")
GONE: Final = N_("{name} is no longer there. Please ask me for it again.")
SAVED_BEFORE: Final = N_("{name} is in your files already.")
NOT_SAVED: Final = N_("I could not save {name} to your files. Here is a link to it instead.")


@dataclass(frozen=True, slots=True, kw_only=True)
class FileOffers:
    """How files are given in one-to-one chats. `offered_in`: whether they are offered in this place, one by one."""

    offered_in: Callable[[ConversationReference], bool]
    stored: FileReader
    uploads: FileUploads
    turns: TurnsOfConversation

    def one_by_one(self, parts: tuple[Part, ...], to: ConversationReference) -> tuple[Part, ...]:
        """The same parts, files as one part each where they are offered: Teams gives each card one answer."""
        if not self.offered_in(to):
            return parts
        apart: list[Part] = []
        for part in parts:
            if isinstance(part, FilesPart) and not part.as_links:
                apart.extend(FilesPart(files=(file,)) for file in part.files)
            else:
                apart.append(part)
        return tuple(apart)

    async def answer(self, turn: Turn, consent: FileConsent, channel: Channel) -> Reply:
        """Do what a person decided about an offered file. Raises StorageError."""
        name = consent.name
        file = await self.stored.read(consent.token) if consent.token else None
        if file is not None and not await self.stored.is_of(consent.key, consent.token, file):
            return _say(NOT_OFFERED, name)
        if not consent.accepted:
            await _take_back(consent, channel)
            return _say(DECLINED, name)
        if await self._was_saved(turn, consent):
            return _say(SAVED_BEFORE, name)
        if file is None:
            return _say(GONE if consent.token else NOT_OFFERED, name)

        async def save() -> bool:
            await self.uploads.upload(consent.upload_url, file.data)
            return True

        try:
            saved_it = await turn.step(_UPLOAD, save)
        except UploadError as error:  # no step is recorded, so that a later press may succeed
            log.warning("file not saved for a person", extra={"why": str(error)})
            saved_it = False
        if not saved_it:
            stored = StoredFile(token=consent.token, name=file.name, size_bytes=len(file.data))
            return Reply(parts=(*_say(NOT_SAVED, name).parts, FilesPart(files=(stored,), as_links=True)))
        await _take_back(consent, channel)
        saved = SavedFilePart(
            name=consent.saved_name or file.name,
            url=consent.saved_url,
            unique_id=consent.unique_id,
            file_type=consent.file_type,
        )
        return Reply(parts=(saved,))

    async def _was_saved(self, turn: Turn, consent: FileConsent) -> bool:
        """Whether an earlier press on the same card brought the file: that one had another place to upload to."""
        lines = await self.turns.of(consent.key, _LOOKED_BACK)
        return any(
            line.number < turn.number
            and line.outcome == ANSWERED
            and line.message_id.startswith(consent_prefix(consent.id))
            and any(step.name.startswith(f"{StepKind.UPLOAD}/") for step in line.steps)
            for line in lines
        )


def _say(sentence: str, name: str) -> Reply:
    return Reply(parts=(TextPart(text=_(sentence).format(name=name)),))


async def _take_back(consent: FileConsent, channel: Channel) -> None:
    """Remove the card that asked: it would go on offering what is decided."""
    if consent.reference.reply_to is not None:
        with contextlib.suppress(ChannelError):
            await channel.delete(consent.reference, consent.reference.reply_to)
