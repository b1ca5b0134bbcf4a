"""Teams as the application's way to people."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, replace
from functools import partial
from typing import Any, Final
from urllib.parse import quote

from typing_extensions import override

from adapters.teams.connector import ActivityRefusedError, Connector, Place
from adapters.teams.file_uploads import consent_card, info_card
from adapters.teams.live import PAGE_TIMING, LiveTiming, TeamsLive
from adapters.teams.markdown.inline import escaped
from adapters.teams.markdown.pieces import teams_markdown, teams_pieces
from adapters.teams.markdown.tables import extended_markdown
from adapters.teams.message_markup import mention_of
from bot.cards import MAX_LINKS, apology_card, choice_card, files_card, picture_card, table_card, welcome_card
from bot.conversation import PAGE_CHANNEL, ActivityId, ConversationReference, Party, Scope
from bot.errors import DeliveryError, DeliveryUnknownError, StorageError
from bot.language import _
from bot.links import NO_LINKS, LinkRules
from bot.parts import (
    ApologyPart,
    ChoicePart,
    Details,
    FilesPart,
    Marks,
    Part,
    PicturePart,
    SavedFilePart,
    Source,
    StoredFile,
    Table,
    TableForm,
    TablePart,
    TextPart,
    WelcomePart,
)
from bot.ports import Channel, FileLinks, Live, StatusMessage

log = logging.getLogger(__name__)

_TEAMS: Final = "msteams"  # the Agents Playground says the same
_KINDS: Final = {Scope.PERSONAL: "personal", Scope.GROUP: "groupChat", Scope.CHANNEL: "channel"}
_MAX_SOURCE_NAME: Final = 80  # characters

_CARD: Final = "application/vnd.microsoft.card.adaptive"

_IN_ADDRESS: Final = "%/:?#@!$&'*+,;=~[]"  # no round bracket, which would end a link

_Json = dict[str, Any]


class TeamsChannel(Channel):
    """Sends each part as an activity of its own: Teams splits text and card of one activity and then gives no id."""

    def __init__(
        self,
        *,
        connector: Connector,
        links: FileLinks,
        streaming: bool = True,
        timing: LiveTiming | None = None,
        offers_files: Callable[[ConversationReference], bool] = lambda _: False,
        tables: TableForm = TableForm.CARD,
    ) -> None:
        """`streaming`: whether answers are streamed where Teams can do that. `offers_files`: where files are offered.

        Elsewhere they are links.
        """
        self._tables = tables
        self._offers_files = offers_files
        self._connector = connector
        self._links = links
        self._streaming = streaming
        self._timing = timing or LiveTiming()

    @override
    def split(
        self, text: str, links: LinkRules = NO_LINKS, to: ConversationReference | None = None
    ) -> tuple[str | Table, ...]:
        place = to.key.channel if to is not None else ""
        if _is_teams(place) and self._tables is not TableForm.BLOCK:
            return teams_pieces(text, links=links)
        return teams_markdown(text, links=links, keeps_tables=place == PAGE_CHANNEL)

    @override
    async def send(self, to: ConversationReference, part: Part) -> ActivityId | None:
        was_in_doubt = False
        while True:
            try:
                message = await self._message(to, part)
                sent = await self._connector.create(_place(to), message, is_repetition=was_in_doubt)
            except ActivityRefusedError as refused:
                if was_in_doubt:
                    raise DeliveryUnknownError(f"{refused}, after a failure") from None
                plainer = await self._plainer(part)
                if plainer is None and not refused.is_in_doubt:
                    raise
                part = plainer or part
                if refused.is_in_doubt:
                    # It may be in the chat: one more attempt, and that in the plainest form, which hardly fails.
                    was_in_doubt = True
                    while (plainer := await self._plainer(part)) is not None:
                        part = plainer
                log.warning("a part is sent once more, in a plainer form if it has one", extra={"why": str(refused)})
            else:
                return ActivityId(sent) if sent else None

    @override
    async def replace(self, to: ConversationReference, sent: ActivityId, part: Part) -> None:
        await self._connector.update(_place(to), sent, {"id": sent, **await self._message(to, part)})

    @override
    async def delete(self, to: ConversationReference, sent: ActivityId) -> None:
        await self._connector.delete(_place(to), sent)

    @override
    async def wait_for_success(self, to: ConversationReference) -> None:
        await self._connector.wait_for_success(to.service_url)

    @override
    @asynccontextmanager
    async def live(
        self, to: ConversationReference, status: StatusMessage, links: LinkRules = NO_LINKS
    ) -> AsyncIterator[Live]:
        live = TeamsLive(
            connector=self._connector,
            to=to,
            place=_place,
            addresses=_addresses,
            remembered=status,
            message=self._message,
            send=self.send,
            markdown=partial(teams_markdown, links=links, keeps_tables=to.key.channel == PAGE_CHANNEL),
            streams=self._streaming and (_is_teams(to.key.channel) or to.key.channel == PAGE_CHANNEL),
            timing=PAGE_TIMING if to.key.channel == PAGE_CHANNEL else self._timing,
        )
        try:
            yield live
        finally:
            await live.stop()

    async def _plainer(self, part: Part) -> Part | None:  # noqa: C901, PLR0911 - one case for each kind
        """The same in the next plainer form, down to words alone; None where there is none."""
        match part:
            case FilesPart(as_links=False):
                return replace(part, as_links=True)
            case TablePart(as_block=False):
                return replace(part, as_block=True)
            case PicturePart(details=details) if part.chart or (details and (details.code or details.explanation)):
                data = details.data if details else None
                return replace(part, chart=None, details=Details(data=data) if data else None)
            case PicturePart(details=details):
                files = [part.file, *filter(None, [details.data if details else None])]
                return TextPart(text="\n\n".join([escaped(part.alt_text, NO_LINKS), *await self._linked(files)]))
            case FilesPart():
                return TextPart(text="\n\n".join(await self._linked(part.files[:MAX_LINKS])))
            case ApologyPart(to_asker=to_asker):
                return TextPart(text=part.words, to_asker=to_asker)
            case ChoicePart():
                return TextPart(text=part.words)
            case WelcomePart(text=text):
                return TextPart(text=text)
            case TextPart(marks=Marks()) | TablePart(marks=Marks()):
                return replace(part, marks=None)
            case _:
                return None

    async def _linked(self, files: Sequence[StoredFile]) -> list[str]:
        """Files as links in Markdown, each under its name; one that lies nowhere for people is its name alone."""
        urls = [file.link if file.is_given else await self._url(file) for file in files]
        labels = [escaped(file.name.replace("[", "(").replace("]", ")"), NO_LINKS) for file in files]
        return [
            f"[{label}]({quote(url, safe=_IN_ADDRESS)})" if url else label
            for label, url in zip(labels, urls, strict=True)
        ]

    async def _url(self, file: StoredFile) -> str:
        try:
            return await self._links.url(file)
        except StorageError as error:  # the key of the links is not to be had; the part is sent once it is
            raise DeliveryError(f"no link can be made: {error}", retryable=True) from error

    async def _message(self, to: ConversationReference, part: Part) -> _Json:
        content = await self._content(to, part)
        marks = part.marks if isinstance(part, TextPart | TablePart | PicturePart | FilesPart) else None
        marked = _marked(marks, to) if marks else {}
        if isinstance(part, TextPart) and part.code and to.key.channel == PAGE_CHANNEL:
            data = {"code": [asdict(cell) for cell in part.code]}
            marked["channelData"] = {**marked.get("channelData", {}), **data}
        if entities := [*content.pop("entities", []), *marked.pop("entities", [])]:
            content["entities"] = entities
        return {"type": "message", **_addresses(to), **content, **marked}

    async def _content(self, to: ConversationReference, part: Part) -> _Json:  # noqa: C901, PLR0911 - one case for each kind
        match part:
            case TextPart(to_asker=True) if (mention := mention_of(to.user)) is not None:
                # A block of Markdown, such as a list, begins a line of its own.
                words = (" " if part.text[:1].isalpha() else "\n\n").join((str(mention["text"]), part.text))
                return {"text": words, "textFormat": "markdown", "entities": [mention]}
            case TextPart():
                return {"text": part.text, "textFormat": "markdown"}
            case TablePart(as_block=True):
                return {"text": part.table.block, "textFormat": "markdown"}
            case TablePart() if self._tables is TableForm.EXTENDED_MARKDOWN:
                return {"text": extended_markdown(part.table), "textFormat": "extendedmarkdown"}
            case TablePart():
                return _card(table_card(part.table), summary=", ".join(part.table.header))
            case PicturePart():
                data = part.details.data if part.details else None
                data_url = await self._url(data) if data else ""
                card = picture_card(part, await self._url(part.file), data_url)
                return _card(card, summary=part.alt_text)
            case FilesPart(files=(file,), as_links=False) if self._offers_files(to):
                return consent_card(file, _("Made for you in this chat. Shall I put it into your OneDrive?"))
            case SavedFilePart():
                return info_card(part)
            case FilesPart():
                shown = part.files[:MAX_LINKS]
                urls = [file.link if file.is_given else await self._url(file) for file in shown]
                return _card(files_card(part, urls), summary=", ".join(file.name for file in part.files))
            case ApologyPart():
                mention = mention_of(to.user) if part.to_asker else None
                return _card(apology_card(part, mention), summary=part.words)
            case ChoicePart():
                return _card(choice_card(part), summary=part.text)
            case WelcomePart():
                return _card(welcome_card(part), summary=part.text.partition("\n\n")[0])


def _marked(marks: Marks, to: ConversationReference) -> _Json:
    """What clients show at an answer: label, sources, thumbs, the next questions.

    https://learn.microsoft.com/microsoftteams/platform/bots/how-to/bot-messages-ai-generated-content. There may be one
    such entity in a message.
    """
    fields: _Json = {}
    if marks.is_ai_generated or marks.sources:
        entity: _Json = {
            "type": "https://schema.org/Message",
            "@type": "Message",
            "@context": "https://schema.org",
            "@id": "",
        }
        if marks.is_ai_generated:
            entity["additionalType"] = ["AIGeneratedContent"]
        if marks.sources:
            entity["citation"] = [_claim(source) for source in marks.sources]
        fields["entities"] = [entity]
    if marks.takes_feedback and (_is_teams(to.key.channel) or to.key.channel == PAGE_CHANNEL):
        fields["channelData"] = {"feedbackLoop": {"type": "default"}}
    if marks.follow_ups:
        actions = [{"type": "imBack", "title": text, "value": text} for text in marks.follow_ups]
        fields["suggestedActions"] = {"to": [to.user.id], "actions": actions}
    return fields


def _claim(source: Source) -> _Json:
    name = source.name if len(source.name) <= _MAX_SOURCE_NAME else source.name[: _MAX_SOURCE_NAME - 1] + "…"
    document = {"@type": "DigitalDocument", "name": name, "abstract": _("A file of this conversation")}
    if source.link:
        document["url"] = source.link
    return {"@type": "Claim", "position": source.position, "appearance": document}


async def group_of_team(connector: Connector, reference: ConversationReference, team: str) -> str:
    """The directory id of the team in which a conversation is. Raises ChannelError."""
    return await connector.group_of_team(_place(reference), team)


def _place(to: ConversationReference) -> Place:
    return Place(
        service_url=to.service_url,
        conversation=to.key.conversation,
        tenant=to.key.tenant,
        is_targeted=bool(to.key.private_to),
        is_paced=to.key.channel != PAGE_CHANNEL,
    )


def _is_teams(channel: str) -> bool:
    """Whether a channel has what Teams has: Microsoft 365 Copilot, as `msteams:copilot`, does too."""
    return channel.partition(":")[0] == _TEAMS


def _addresses(to: ConversationReference) -> _Json:
    """From the bot to the person who is being answered, with nothing empty: the connector takes no nulls."""
    addresses: _Json = {
        "channelId": to.key.channel,
        "serviceUrl": to.service_url,
        "conversation": {"id": to.key.conversation, "conversationType": _KINDS[to.scope]},
        "from": _account(to.bot),
        "recipient": _account(to.user),
        "locale": to.locale,
        "replyToId": to.reply_to,
    }
    return {name: value for name, value in addresses.items() if value}


def _account(party: Party) -> _Json:
    return {"id": party.id, "name": party.name} if party.name else {"id": party.id}


def _card(content: _Json, *, summary: str) -> _Json:
    card: _Json = {"attachments": [{"contentType": _CARD, "content": content}]}
    return {**card, "summary": summary} if summary else card
