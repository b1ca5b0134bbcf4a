"""Teams as the application's way to people."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from typing_extensions import override

from adapters.teams.connector import Connector
from adapters.teams.markdown.pieces import teams_markdown
from adapters.teams.place import Place
from bot.cards import MAX_LINKS, apology_card, files_card, picture_card, welcome_card
from bot.conversation import ActivityId, ConversationReference, Party
from bot.errors import ChannelError, DeliveryError, StorageError
from bot.parts import ApologyPart, FilesPart, Part, PicturePart, TextPart, WelcomePart
from bot.ports import Channel, FileLinks, Live

log = logging.getLogger(__name__)

TYPING_INTERVAL_S: Final = 3.0
"""Clients show one typing activity for about 3 seconds (Bot Framework activity specification, A6000)."""

_LAST_TYPING_DEADLINE_S: Final = 2.0

_CARD: Final = "application/vnd.microsoft.card.adaptive"

_Json = dict[str, object]


class TeamsChannel(Channel):
    """Sends each part as an activity of its own: Teams splits text and card of one activity and then gives no id."""

    def __init__(self, *, connector: Connector, links: FileLinks, typing_interval_s: float = TYPING_INTERVAL_S) -> None:
        self._connector = connector
        self._links = links
        self._typing_interval_s = typing_interval_s

    @override
    def split(self, text: str) -> tuple[str, ...]:
        return teams_markdown(text)

    @override
    async def send(self, to: ConversationReference, part: Part) -> ActivityId | None:
        sent = await self._connector.create(_place(to), await self._message(to, part))
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
    async def live(self, to: ConversationReference) -> AsyncIterator[Live]:
        typing = _TypingIndicator(self, self._connector, to, interval_s=self._typing_interval_s)
        try:
            yield typing
        finally:
            await typing.stop()

    async def _message(self, to: ConversationReference, part: Part) -> _Json:
        try:
            content = await self._content(part)
        except StorageError as error:  # the key of the links is not to be had; the part is sent once it is
            raise DeliveryError(f"no link can be made: {error}", retryable=True) from error
        return {"type": "message", **_addresses(to), **content}

    async def _content(self, part: Part) -> _Json:
        match part:
            case TextPart():
                return {"text": part.text, "textFormat": "markdown"}
            case PicturePart():
                return _card(picture_card(part, await self._links.url(part.file)), summary=part.alt_text)
            case FilesPart():
                urls = [await self._links.url(file) for file in part.files[:MAX_LINKS]]
                return _card(files_card(part, urls), summary=", ".join(file.name for file in part.files))
            case ApologyPart():
                return _card(apology_card(part), summary=part.words)
            case WelcomePart():
                return _card(welcome_card(part), summary=part.text)


class _TypingIndicator(Live):
    """Shows typing at once and every `interval_s` seconds until it is stopped, in every scope."""

    def __init__(
        self, channel: TeamsChannel, connector: Connector, to: ConversationReference, *, interval_s: float
    ) -> None:
        self._channel = channel
        self._connector = connector
        self._to = to
        self._interval_s = interval_s
        self._stopped = asyncio.Event()
        self._task = asyncio.create_task(self._run(), name="typing indicator")

    @override
    async def status(self, text: str) -> None:
        """Do nothing: a typing activity has no text."""

    @override
    async def text(self, so_far: str) -> None:
        """Do nothing: a typing activity has no text."""

    @override
    async def finish(self, part: Part) -> ActivityId | None:
        await self.stop()
        return await self._channel.send(self._to, part)

    async def stop(self) -> None:
        """Wait for a typing activity that is on its way, so that it cannot arrive after the answer."""
        self._stopped.set()
        try:
            async with asyncio.timeout(_LAST_TYPING_DEADLINE_S):
                await asyncio.shield(self._task)
        except TimeoutError:
            log.info("typing indicator was slow to end")
        finally:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time()
        activity = {"type": "typing", **_addresses(self._to)}
        while not self._stopped.is_set():
            try:
                await self._connector.send_ephemeral(_place(self._to), activity)
            except ChannelError as error:  # a missing indicator is no reason to miss the answer
                log.info("typing indicator was not delivered", extra={"why": str(error)})
            due = max(due + self._interval_s, loop.time())
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(due):
                    await self._stopped.wait()


def _place(to: ConversationReference) -> Place:
    return Place(service_url=to.service_url, conversation=to.key.conversation, tenant=to.key.tenant)


def _addresses(to: ConversationReference) -> _Json:
    """From the bot to the person who is being answered, with nothing empty: the connector takes no nulls."""
    addresses: _Json = {
        "channelId": to.key.channel,
        "serviceUrl": to.service_url,
        "conversation": {"id": to.key.conversation},
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
