"""Open pages: each gets what its conversation holds, then each piece of news, over a WebSocket.

https://learn.microsoft.com/azure/bot-service/rest-api/bot-framework-rest-direct-line-3-0-receive-activities
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import defaultdict
from typing import Final

import orjson
from aiohttp import WSCloseCode, web

from adapters.webchat.transcripts import Activity, ConversationId, Transcripts
from bot.errors import StorageError

log = logging.getLogger(__name__)

_HEARTBEAT_S: Final = 30.0
_MAX_WORD_BYTES: Final = 1024  # pages say nothing on this socket
_MAX_WAITING: Final = 100


class _Listener:
    """One page. The transcript is the source of what it is shown; only what passes (typing) waits here itself."""

    def __init__(self, socket: web.WebSocketResponse, revision: int) -> None:
        self.socket = socket
        self.revision = revision
        self.news: asyncio.Queue[Activity | None] = asyncio.Queue(_MAX_WAITING)

    def tell(self, passing: Activity | None) -> None:
        with contextlib.suppress(asyncio.QueueFull):  # there is news already, and the page is slow
            self.news.put_nowait(passing)


class Streams:
    """All open pages, by conversation."""

    def __init__(self, *, transcripts: Transcripts) -> None:
        self._transcripts = transcripts
        self._listeners: defaultdict[ConversationId, set[_Listener]] = defaultdict(set)

    async def serve(self, request: web.Request, conversation: ConversationId, revision: int) -> web.WebSocketResponse:
        """Show a conversation from a revision on, until the page goes."""
        socket = web.WebSocketResponse(heartbeat=_HEARTBEAT_S, max_msg_size=_MAX_WORD_BYTES)
        await socket.prepare(request)
        listener = _Listener(socket, revision)
        self._listeners[conversation].add(listener)
        feeding = asyncio.create_task(self._feed(listener, conversation))
        try:
            async for _ in socket:
                pass
        finally:
            feeding.cancel()
            await asyncio.gather(feeding, return_exceptions=True)
            self._leave(conversation, listener)
        return socket

    def news(self, conversation: ConversationId, passing: Activity | None = None) -> None:
        """The transcript has grown; or something is shown that leaves no trace, such as typing."""
        for listener in self._listeners.get(conversation, ()):
            listener.tell(passing)

    def tell_all(self, passing: Activity) -> None:
        """Show something to every open page that belongs to no conversation and leaves no trace."""
        for conversation in self._listeners:
            self.news(conversation, passing=passing)

    async def close(self) -> None:
        """Let the pages go; they come back by themselves when the program does."""
        sockets = [listener.socket for listeners in self._listeners.values() for listener in listeners]
        await asyncio.gather(*(socket.close(code=WSCloseCode.GOING_AWAY) for socket in sockets))

    def _leave(self, conversation: ConversationId, listener: _Listener) -> None:
        self._listeners[conversation].discard(listener)
        if not self._listeners[conversation]:
            del self._listeners[conversation]

    async def _feed(self, listener: _Listener, conversation: ConversationId) -> None:
        passing: Activity | None = None
        try:
            while True:
                activities, listener.revision = await self._transcripts.after(conversation, listener.revision)
                if passing is not None:
                    activities.append(passing)
                if activities:
                    frame = {"activities": activities, "watermark": str(listener.revision)}
                    await listener.socket.send_str(orjson.dumps(frame).decode())
                passing = await listener.news.get()
        except ConnectionError:
            log.debug("a page went away")
        except StorageError as error:
            log.warning("a page cannot be shown its conversation", extra={"why": str(error)})
            await listener.socket.close(code=WSCloseCode.TRY_AGAIN_LATER)
