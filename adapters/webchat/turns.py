"""The turns of a conversation for the panel: what was said, when what was done, which calls it took."""

from __future__ import annotations

from typing import Any, Final

from aiohttp import web

from adapters.webchat.activities import MOST_TURNS, conversation_key
from adapters.webchat.calls import Calls
from adapters.webchat.door import RefusedError, allowed, from_own_page
from adapters.webchat.tokens import Tokens
from adapters.webchat.transcripts import ConversationId, Transcripts
from bot.ports import TurnsOfConversation
from bot.timeline import Timeline
from bot.turn_code import code_of

_LONGEST_TITLE: Final = 200  # characters


class TurnRoutes:
    """Routes below `/chat/turns`, for whoever holds the conversation's token."""

    def __init__(self, *, tokens: Tokens, transcripts: Transcripts, turns: TurnsOfConversation, calls: Calls) -> None:
        self._tokens = tokens
        self._transcripts = transcripts
        self._turns = turns
        self._calls = calls

    def add_routes(self, app: web.Application) -> None:
        """Serve the list, and the calls of one."""
        app.add_routes(
            [
                web.get("/chat/turns", from_own_page(self._list)),
                web.get(r"/chat/turns/{number:[0-9]{1,19}}/calls", from_own_page(self._calls_of)),
            ]
        )

    async def _list(self, request: web.Request) -> web.Response:
        conversation = allowed(request, self._tokens)
        lines = await self._lines(conversation)
        said = await self._transcripts.texts(conversation, [line.message_id for line in lines])
        return web.json_response([_turn(line, said.get(line.message_id, "")) for line in reversed(lines)])

    async def _calls_of(self, request: web.Request) -> web.Response:
        conversation, number = allowed(request, self._tokens), int(request.match_info["number"])
        line = next((line for line in await self._lines(conversation) if line.number == number), None)
        if line is None:
            raise RefusedError(404, "NoSuchTurn", "This conversation has no such turn.")
        return web.json_response([call.to_json() for call in self._calls.of(line.name)])

    async def _lines(self, conversation: ConversationId) -> list[Timeline]:
        return await self._turns.of(conversation_key(conversation), MOST_TURNS)


def _turn(line: Timeline, text: str) -> dict[str, Any]:
    title = text if len(text) <= _LONGEST_TITLE else f"{text[: _LONGEST_TITLE - 1]}…"
    known = {name: value for name, value in line.to_json().items() if name != "conversation_hash"}
    return {**known, "name": line.name, "code": code_of(line.number), "text": title, "threads": sorted(line.threads)}
