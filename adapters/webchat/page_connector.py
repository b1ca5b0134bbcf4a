"""The part of the Bot Connector that the bot uses to answer on the page.

https://learn.microsoft.com/azure/bot-service/rest-api/bot-framework-rest-connector-api-reference
"""

from __future__ import annotations

import functools
import uuid
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

from adapters.webchat.page_access import conversation_id, from_bot, read_object
from adapters.webchat.page_activities import Parties, activity_of_bot, deletion, stream_of
from adapters.webchat.streams import Streams
from adapters.webchat.transcripts import Activity, ConversationId, Transcripts
from adapters.webchat.weather import Kind, Weather
from httpkit.http_errors import RequestRefusedError

ROOT: Final = "/webchat/connector"


class ConnectorRoutes:
    """Routes of the bot's side."""

    def __init__(self, *, transcripts: Transcripts, streams: Streams, parties: Parties, weather: Weather) -> None:
        self._transcripts = transcripts
        self._streams = streams
        self._parties = parties
        self._weather = weather
        self._growing: dict[ConversationId, Activity] = {}  # the answer that is being streamed, as it was started

    def add_routes(self, app: web.Application) -> None:
        """Serve below `ROOT`."""
        served = self._served
        for root in (f"{ROOT}/{{key}}", ROOT):
            every = root + "/v3/conversations/{conversation}/activities"
            one = every + "/{activity}"
            app.add_routes(
                [
                    web.post(every, from_bot(served(self._post))),
                    web.post(one, from_bot(served(self._post))),  # a reply to that activity
                    web.put(one, from_bot(served(self._put))),
                    web.delete(one, from_bot(served(self._delete))),
                ]
            )

    def _served(self, handler: Handler) -> Handler:
        """Unless the weather takes the connector away."""

        @functools.wraps(handler)
        async def served(request: web.Request) -> web.StreamResponse:
            if self._weather.strikes(Kind.CONNECTOR_DOWN):
                raise RequestRefusedError(502, "BadGateway", "The chat page has ordered bad weather.")
            return await handler(request)

        return served

    async def _post(self, request: web.Request) -> web.Response:
        conversation = _conversation(request)
        said = await read_object(request)
        stream = stream_of(said)
        if stream is not None:
            return await self._grow(conversation, said, stream)
        activity = activity_of_bot(said, conversation, uuid.uuid4().hex, self._parties)
        if activity.get("type") == "typing":
            self._streams.news(conversation, passing=activity)
            return web.Response(status=202)
        return await self._kept(conversation, activity, status=201)

    async def _grow(self, conversation: ConversationId, said: Activity, stream: str) -> web.Response:
        """Show the next state of a streamed answer in the place of the one before; keep the last one.

        All have the id of the first and its time, so that the page keeps the answer where it began.
        """
        activity = activity_of_bot(said, conversation, stream or uuid.uuid4().hex, self._parties)
        first = self._growing.get(conversation)
        if first is not None and first["id"] == activity["id"]:
            activity["timestamp"] = first["timestamp"]
        if activity["type"] == "typing":
            self._growing[conversation] = activity
            self._streams.news(conversation, passing=activity)
            return web.json_response({"id": activity["id"]}, status=201)
        kept = await self._transcripts.find(conversation, str(activity["id"]))
        if kept is not None and kept["from"] != self._parties.bot:
            raise RequestRefusedError(
                403, "BadArgument", "The stream has the id of something that the bot did not say."
            )
        self._growing.pop(conversation, None)
        return await self._kept(conversation, activity, status=201)

    async def _put(self, request: web.Request) -> web.Response:
        conversation = _conversation(request)
        before = await self._existing(request, conversation)
        changed = activity_of_bot(await read_object(request), conversation, str(before["id"]), self._parties)
        return await self._kept(conversation, {**changed, "timestamp": before["timestamp"]}, status=200)

    async def _delete(self, request: web.Request) -> web.Response:
        conversation = _conversation(request)
        growing = self._growing.get(conversation)
        if growing is not None and growing["id"] == request.match_info["activity"]:
            del self._growing[conversation]
            self._streams.news(conversation, passing=deletion(conversation, str(growing["id"]), self._parties))
            return web.json_response({"id": growing["id"]})
        before = await self._existing(request, conversation)
        return await self._kept(conversation, deletion(conversation, str(before["id"]), self._parties), status=200)

    async def _kept(self, conversation: ConversationId, activity: Activity, *, status: int) -> web.Response:
        await self._transcripts.put(conversation, activity, by_person=False)
        self._streams.news(conversation)
        return web.json_response({"id": activity["id"]}, status=status)

    async def _existing(self, request: web.Request, conversation: ConversationId) -> Activity:
        activity = await self._transcripts.find(conversation, request.match_info["activity"])
        if activity is None or activity["from"] != self._parties.bot:
            raise RequestRefusedError(404, "ActivityNotFound", "The bot has said no such thing here.")
        return activity


def _conversation(request: web.Request) -> ConversationId:
    conversation = conversation_id(request.match_info["conversation"])
    if conversation is None:
        raise RequestRefusedError(404, "ConversationNotFound", "There is no such conversation on the page.")
    return conversation
