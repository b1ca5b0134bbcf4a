"""Files that come with an activity: which there are. Where they may be fetched from: see `file_places`."""

from __future__ import annotations

import mimetypes
from typing import Final

from botbuilder.schema import Activity
from botbuilder.schema import Attachment as ActivityAttachment

from bot.attachments import PICTURE_ENDINGS, Attachment
from bot.file_names import ending_of, plain_name

DOWNLOAD_INFO: Final = "application/vnd.microsoft.teams.file.download.info"
_NO_FILES = ("text/html", "application/vnd.microsoft.card.", "messageReference")  # quotes, cards, the text once more
_PICTURE_ENDINGS = {"image/jpeg": ".jpg", "image/jpg": ".jpg", "image/gif": ".gif", "image/webp": ".webp"}


def attachments_in(activity: Activity) -> tuple[Attachment, ...]:
    """The files of a message, with names that may be shown."""
    return tuple(_file(given) for given in activity.attachments or [] if given is not None and _is_file(given))


def _is_file(given: ActivityAttachment) -> bool:
    content_type = given.content_type or ""
    return bool(_address(given)) and not content_type.startswith(_NO_FILES)


def _address(given: ActivityAttachment) -> str:
    content = given.content
    told = content.get("downloadUrl") if given.content_type == DOWNLOAD_INFO and isinstance(content, dict) else None
    return told if isinstance(told, str) else given.content_url or ""


def _file(given: ActivityAttachment) -> Attachment:
    content_type = given.content_type or ""
    name = given.name or "file"
    if content_type.startswith("image/") and ending_of(name) not in PICTURE_ENDINGS:
        # Pasted pictures come as `image/*`, without a name or as "image"; who opens one looks at its first bytes.
        name = (given.name or "picture") + _PICTURE_ENDINGS.get(content_type, ".png")
    elif not given.name:
        name += mimetypes.guess_extension(content_type) or ""
    return Attachment(name=plain_name(name), url=_address(given), content_type=content_type)
