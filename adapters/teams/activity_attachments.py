"""Files that come with an activity: which there are. Where they may be fetched from: see `FilePlaces`."""

from __future__ import annotations

import mimetypes
import re
from typing import Final
from urllib.parse import urlsplit

from botbuilder.schema import Activity
from botbuilder.schema import Attachment as ActivityAttachment

from adapters.teams.clouds import CLOUDS
from bot.attachments import PICTURE_ENDINGS, POINTER, POSSIBLE_POINTER, UNSEEN, Attachment
from bot.conversation import PAGE_CHANNEL
from bot.file_names import ending_of, plain_name

DOWNLOAD_INFO: Final = "application/vnd.microsoft.teams.file.download.info"
_HTML: Final = "text/html"
_MAX_HTML: Final = 200_000  # characters
_MAX_ID: Final = 400  # characters
_SUFFIXES: Final = tuple(f".{domain}" for cloud in CLOUDS.values() for domain in cloud.file_domains)
# A file's id is a GUID; a quoted message has an id of digits alone.
_REFERS: Final = re.compile(r"""<attachment\s{1,9}id=(?!["']?[0-9]+["'>\s])""", re.IGNORECASE)
_NO_FILES = ("text/html", "application/vnd.microsoft.card.", "messageReference")  # quotes, cards, the text once more
# What a person sees in a message and Teams hands over to no bot. In HTML: MicrosoftDocs/msteams-docs#14169.
_VOICE_HTML: Final = "schema.skype.com/InputExtension"
_CARDS: Final = {
    "application/vnd.microsoft.card.audio": "voice",
    "application/vnd.microsoft.card.codesnippet": "code",
    "application/vnd.microsoft.card.fluidembedcard": "loop",
}
_ANY_CARD: Final = ("application/vnd.microsoft.card.", "application/vnd.microsoft.teams.card.")
_PICTURE_ENDINGS = {"image/jpeg": ".jpg", "image/jpg": ".jpg", "image/gif": ".gif", "image/webp": ".webp"}


def attachments_in(activity: Activity, *, is_shared: bool = False) -> tuple[Attachment, ...]:
    """The files of a message, with names that may be shown, and a pointer where Graph knows of more.

    What nobody hands over is among them too (`UNSEEN`), so that people are told. In a shared place a pointer is always
    possible: Teams takes the marks of files out of the HTML of group chats (openclaw#101096). Its `url` is the team of
    a channel: its id in the directory if Teams tells it, else the id of its thread.
    """
    given_here = [given for given in activity.attachments or [] if given is not None]
    is_page = activity.channel_id == PAGE_CHANNEL
    files = tuple(_file(given, is_page=is_page) for given in given_here if _is_file(given))
    html = [str(given.content)[:_MAX_HTML] for given in given_here if given.content_type == _HTML]
    refers = any(_REFERS.search(text) for text in html)
    says_more = bool(files or (activity.text or "").strip())
    unseen = _unseen_in(given_here, html, says_more=says_more)
    if unseen and not files and not is_shared:
        return unseen  # the marks in the HTML are of these
    files = (*files, *unseen)
    has_links = any(file.content_type == DOWNLOAD_INFO for file in files)
    if has_links or not (refers or (html and is_shared and activity.channel_id == "msteams")):
        return files
    team = (activity.channel_data or {}).get("team")
    names = [team.get(field) for field in ("aadGroupId", "id")] if isinstance(team, dict) else []
    known = next((name for name in names if isinstance(name, str) and 0 < len(name) <= _MAX_ID), "")
    return (*files, Attachment(name="file", url=known, content_type=POINTER if refers else POSSIBLE_POINTER))


def _unseen_in(given_here: list[ActivityAttachment], html: list[str], *, says_more: bool) -> tuple[Attachment, ...]:
    """A kind each of what is shown and not handed over. Beside words a card may be the preview of a link."""
    kinds = [_CARDS.get((given.content_type or "").lower()) for given in given_here]
    if any(_VOICE_HTML in text for text in html):
        kinds.append("voice")
    if not says_more and any((given.content_type or "").lower().startswith(_ANY_CARD) for given in given_here):
        kinds.append("card")
    named = list(dict.fromkeys(filter(None, kinds)))
    return tuple(
        Attachment(name=kind, url="", content_type=UNSEEN) for kind in named if kind != "card" or len(named) == 1
    )


def _is_file(given: ActivityAttachment) -> bool:
    content_type = given.content_type or ""
    return bool(_address(given)) and not content_type.startswith(_NO_FILES)


def _address(given: ActivityAttachment) -> str:
    content = given.content
    told = content.get("downloadUrl") if given.content_type == DOWNLOAD_INFO and isinstance(content, dict) else None
    return told if isinstance(told, str) else given.content_url or ""


def _file(given: ActivityAttachment, *, is_page: bool) -> Attachment:
    content_type = given.content_type or ""
    name = given.name or "file"
    if content_type.startswith("image/") and ending_of(name) not in PICTURE_ENDINGS:
        # Pasted pictures come as `image/*`, without a name or as "image"; who opens one looks at its first bytes.
        name = (given.name or "picture") + _PICTURE_ENDINGS.get(content_type, ".png")
    elif not given.name:
        name += mimetypes.guess_extension(content_type) or ""
    return Attachment(
        name=plain_name(name), url=_address(given), content_type=content_type, link=_link(given, is_page=is_page)
    )


def _link(given: ActivityAttachment, *, is_page: bool) -> str:
    """Where people open a file themselves: in SharePoint with their own rights, or on the chat page."""
    url = given.content_url or ""
    if is_page:
        return url if url.startswith(("http://", "https://")) else ""
    return url if given.content_type == DOWNLOAD_INFO and is_in_sharepoint(url) else ""


def is_in_sharepoint(url: str) -> bool:
    """Whether an address is of SharePoint or OneDrive, in whichever cloud: a card must lead nowhere else."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return False
    return parts.scheme == "https" and port in (None, 443) and "@" not in parts.netloc and host.endswith(_SUFFIXES)
