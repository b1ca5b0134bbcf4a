"""The part of Direct Line 3.0 that Web Chat uses, for one person on this machine.

https://learn.microsoft.com/azure/bot-service/rest-api/bot-framework-rest-direct-line-3-0-api-reference
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Final

from aiohttp import web

from adapters.webchat.bot_endpoint import BotEndpoint, NotTakenError
from adapters.webchat.page_access import Tokens, allowed, from_own_page, read_object
from adapters.webchat.page_activities import (
    Parties,
    activity_of_bot,
    id_of_message,
    is_message,
    message_for_bot,
    shown_again,
)
from adapters.webchat.streams import Streams
from adapters.webchat.transcripts import Activity, ConversationId, Transcripts
from adapters.webchat.uploads import UploadForm, Uploads, read_form
from bot.attachments import Attachment
from bot.errors import AttachmentError
from httpkit.http_errors import RequestRefusedError

log = logging.getLogger(__name__)

ROOT: Final = "/v3/directline"
_EXPIRES_IN_S: Final = 24 * 60 * 60  # when the page asks for the same token again


class DirectLine:
    """Routes of the page's side."""

    def __init__(
        self,
        *,
        transcripts: Transcripts,
        streams: Streams,
        tokens: Tokens,
        uploads: Uploads,
        bot: BotEndpoint,
        parties: Parties,
    ) -> None:
        self._transcripts = transcripts
        self._streams = streams
        self._tokens = tokens
        self._uploads = uploads
        self._bot = bot
        self._parties = parties
        self._under_way: set[str] = set()  # ids of messages that are being delivered right now

    def add_routes(self, app: web.Application) -> None:
        """Serve below `ROOT`."""
        one = ROOT + "/conversations/{conversation}"
        app.add_routes(
            [
                web.post(f"{ROOT}/tokens/refresh", from_own_page(self._refresh)),
                web.post(f"{ROOT}/conversations", from_own_page(self._start)),
                web.get(one, from_own_page(self._resume)),
                web.get(f"{one}/stream", from_own_page(self._stream)),
                web.get(f"{one}/activities", from_own_page(self._activities)),
                web.post(f"{one}/activities", from_own_page(self._say)),
                web.post(f"{one}/upload", from_own_page(self._upload)),
            ]
        )

    async def _refresh(self, request: web.Request) -> web.Response:
        return web.json_response(self._opened(allowed(request, self._tokens)))

    async def _start(self, request: web.Request) -> web.Response:
        conversation = allowed(request, self._tokens)
        await self._deliver_rest(conversation)
        return web.json_response(
            self._opened(conversation) | _stream_of(request, self._tokens, conversation, 0), status=201
        )

    async def _resume(self, request: web.Request) -> web.Response:
        conversation = allowed(request, self._tokens)
        await self._deliver_rest(conversation)
        stream = _stream_of(request, self._tokens, conversation, _watermark(request))
        return web.json_response(self._opened(conversation) | stream)

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        return await self._streams.serve(request, allowed(request, self._tokens), _watermark(request))

    async def _activities(self, request: web.Request) -> web.Response:
        activities, revision = await self._transcripts.after(allowed(request, self._tokens), _watermark(request))
        return web.json_response({"activities": activities, "watermark": str(revision)})

    async def _say(self, request: web.Request) -> web.Response:
        conversation = allowed(request, self._tokens)
        said = await read_object(request)
        if not is_message(said):
            return web.json_response({"id": uuid.uuid4().hex})
        activity = self._message(said, conversation)
        await self._bring(activity, conversation, said)
        return web.json_response({"id": activity["id"]})

    async def _upload(self, request: web.Request) -> web.Response:
        """A message with files; the person reads in the chat why they are not taken, for Web Chat shows no reasons."""
        conversation = allowed(request, self._tokens)
        form = UploadForm(conversation=conversation)
        with ExitStack() as undo:
            undo.callback(self._uploads.drop, form.attachments)
            try:
                await read_form(request, self._uploads, form)
            except AttachmentError as error:
                await self._tell(error.apology, conversation)
                raise RequestRefusedError(413, "FileNotTaken", error.apology) from None
            activity = self._message(form.said, conversation, form.attachments)
            if await self._bring(activity, conversation, form.said):
                undo.pop_all()
        return web.json_response({"id": activity["id"]})

    def _message(
        self, said: Activity, conversation: ConversationId, attachments: Sequence[Attachment] = ()
    ) -> Activity:
        activity_id = id_of_message(said, conversation)
        return message_for_bot(said, conversation, activity_id, self._parties, attachments)

    async def _tell(self, sentence: str, conversation: ConversationId) -> None:
        said = activity_of_bot({"type": "message", "text": sentence}, conversation, uuid.uuid4().hex, self._parties)
        await self._transcripts.put(conversation, said, by_person=False)
        self._streams.news(conversation)

    async def _bring(self, activity: Activity, conversation: ConversationId, said: Activity) -> bool:
        """Keep a message and bring it to the bot; False if an earlier attempt to send it (`said`) was kept.

        It is kept before the bot has it, for its answer may be here sooner than its acknowledgement.
        """
        activity_id = str(activity["id"])
        if activity_id in self._under_way:
            raise RequestRefusedError(503, "UnderWay", "An earlier attempt to send this message is still under way.")
        self._under_way.add(activity_id)
        try:
            kept = await self._transcripts.find(conversation, activity_id)
            if kept is None:
                await self._transcripts.put(conversation, activity, by_person=True)
            await self._bot.deliver(kept or activity)  # the bot knows a message that it has already
            await self._transcripts.delivered(conversation, activity_id)
        except NotTakenError as error:
            if kept is None:
                await self._transcripts.drop(conversation, activity_id)
            log.warning("message of the page not taken", extra={"why": str(error)})
            raise RequestRefusedError(502, "NotTaken", "The bot did not take the message.") from None
        finally:
            self._under_way.discard(activity_id)
        self._streams.news(conversation, passing=shown_again(kept, said) if kept else None)
        return kept is None

    async def _deliver_rest(self, conversation: ConversationId) -> None:
        """What was kept when a crash came; the bot knows a message that it has already."""
        kept = await self._transcripts.undelivered(conversation)
        for activity in (activity for activity in kept if activity["id"] not in self._under_way):
            try:
                await self._bot.deliver(activity)
            except NotTakenError as error:
                log.warning("kept message not taken", extra={"why": str(error)})
                return
            await self._transcripts.delivered(conversation, str(activity["id"]))

    def _opened(self, conversation: ConversationId) -> dict[str, object]:
        return {
            "conversationId": conversation,
            "token": self._tokens.issue(conversation),
            "expires_in": _EXPIRES_IN_S,
        }


def _stream_of(request: web.Request, tokens: Tokens, conversation: ConversationId, revision: int) -> dict[str, object]:
    """The address of the stream under the page's own name for this machine; the guard has judged that name."""
    query = f"t={tokens.issue(conversation)}&watermark={revision}"
    return {"streamUrl": f"ws://{request.host}{ROOT}/conversations/{conversation}/stream?{query}"}


def _watermark(request: web.Request) -> int:
    text = request.query.get("watermark", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0
