"""What the page offers beside messages: stop the work on an answer, and say what one thinks of an answer."""

from __future__ import annotations

import logging
import uuid
from typing import Final

from aiohttp import web

from adapters.webchat.bot_endpoint import BotEndpoint, NotTakenError
from adapters.webchat.page_access import Tokens, allowed, from_own_page, read_object
from adapters.webchat.page_activities import Parties, data_of, feedback_for_bot, message_for_bot
from adapters.webchat.streams import Streams
from adapters.webchat.transcripts import Activity, Transcripts
from bot.conversation import CommandName
from bot.feedback import MAX_COMMENT_CHARS, Reaction
from httpkit.http_errors import RequestRefusedError

log = logging.getLogger(__name__)

_REACTIONS: Final = frozenset(reaction.value for reaction in Reaction)


class MessageTools:
    """Routes below `/chat`, for holders of the conversation's token."""

    def __init__(
        self, *, transcripts: Transcripts, streams: Streams, tokens: Tokens, bot: BotEndpoint, parties: Parties
    ) -> None:
        self._transcripts = transcripts
        self._streams = streams
        self._tokens = tokens
        self._bot = bot
        self._parties = parties

    def add_routes(self, app: web.Application) -> None:
        """Serve both."""
        app.add_routes(
            [
                web.post("/chat/stop", from_own_page(self._stop)),
                web.post("/chat/feedback", from_own_page(self._rate)),
            ]
        )

    async def _stop(self, request: web.Request) -> web.Response:
        """Do what `/stop` does; the command is not shown in the chat, only what the bot says to it."""
        conversation = allowed(request, self._tokens)
        body = await read_object(request)
        said: Activity = {"text": CommandName.STOP.value, "locale": body.get("locale")}
        await self._deliver(message_for_bot(said, conversation, uuid.uuid4().hex, self._parties))
        return web.Response(status=204)

    async def _rate(self, request: web.Request) -> web.Response:
        """Bring a thumb to the bot, and keep it with the message, where a reload finds it."""
        conversation = allowed(request, self._tokens)
        given = await read_object(request)
        rated, reaction, comment = given.get("activity"), given.get("reaction"), given.get("comment", "")
        if (
            not isinstance(reaction, str)
            or reaction not in _REACTIONS
            or not isinstance(comment, str)
            or len(comment) > MAX_COMMENT_CHARS
        ):
            raise RequestRefusedError(
                400, "NoReaction", f"Feedback is like or dislike, with at most {MAX_COMMENT_CHARS:,} characters."
            )
        activity = await self._transcripts.find(conversation, rated) if isinstance(rated, str) else None
        if activity is None or activity["from"] != self._parties.bot:
            raise RequestRefusedError(404, "ActivityNotFound", "The bot has said no such thing here.")
        invoke = feedback_for_bot(str(activity["id"]), reaction, comment, conversation, uuid.uuid4().hex, self._parties)
        await self._deliver(invoke)
        marked = {**activity, "channelData": {**data_of(activity), "rated": reaction}}
        await self._transcripts.put(conversation, marked, by_person=False)
        self._streams.news(conversation)
        return web.Response(status=204)

    async def _deliver(self, activity: Activity) -> None:
        try:
            await self._bot.deliver(activity)
        except NotTakenError as error:
            log.warning("not taken by the bot", extra={"type": activity["type"], "why": str(error)})
            raise RequestRefusedError(502, "NotTaken", "The bot did not take it.") from None
