"""A message's files, from where its channel keeps them to the assistant's service."""

from __future__ import annotations

from functools import partial

from bot.answer import FileId, GivenFile
from bot.attachments import PICTURE_ENDINGS, Attachment
from bot.file_names import ending_of, unlike
from bot.media import picture_type_at
from bot.ports import Assistant, IncomingFiles
from bot.turn import Turn
from bot.turn_record import StepKey, StepKind


async def hand_over(turn: Turn, files: IncomingFiles, assistant: Assistant) -> tuple[GivenFile, ...]:
    """The files at the service, each brought there once.

    Raises AttachmentError, StorageError, AssistantError.

    A crash in the middle of one brings it there twice; the one that no message gives lies there and does no harm.
    """
    given, names = [], set[str]()
    for number, attachment in enumerate(turn.message.attachments):
        name = unlike(attachment.name, names)
        names.add(name)
        bring = partial(_bring, attachment, name, turn, files, assistant)
        file, is_picture = await turn.step(StepKey(StepKind.FILE, number), bring)
        given.append(GivenFile(id=FileId(file), is_picture=is_picture))
    return tuple(given)


async def _bring(
    attachment: Attachment, name: str, turn: Turn, files: IncomingFiles, assistant: Assistant
) -> tuple[FileId, bool]:
    async with files.opened(attachment, turn.message.reference) as path:
        # By its bytes too: a service may refuse a whole message for a picture that is none.
        is_picture = ending_of(name) in PICTURE_ENDINGS and picture_type_at(path) is not None
        return await assistant.upload(name, path), is_picture
