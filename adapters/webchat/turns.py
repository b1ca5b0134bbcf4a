"""The turns of a conversation for the panel: what was said and how it ended; of one also its steps and calls."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

from aiohttp import web

from adapters.webchat.calls import Calls
from adapters.webchat.page_access import allowed, from_own_page
from adapters.webchat.page_activities import MAX_TURNS, conversation_key
from adapters.webchat.tokens import Tokens
from adapters.webchat.transcripts import ConversationId, Transcripts
from bot.ports import TurnsOfConversation
from bot.timeline import Timeline
from bot.turn_code import code_of
from httpkit.http_errors import RequestRefusedError

_MAX_TITLE: Final = 200  # characters


class TurnRoutes:
    """Routes below `/chat/turns`, for holders of the conversation's token."""

    def __init__(self, *, tokens: Tokens, transcripts: Transcripts, turns: TurnsOfConversation, calls: Calls) -> None:
        self._tokens = tokens
        self._transcripts = transcripts
        self._turns = turns
        self._calls = calls

    def add_routes(self, app: web.Application) -> None:
        """Serve the list, and one."""
        app.add_routes(
            [
                web.get("/chat/turns", from_own_page(self._list)),
                web.get(r"/chat/turns/{number:[0-9]{1,19}}", from_own_page(self._show)),
            ]
        )

    async def _list(self, request: web.Request) -> web.Response:
        conversation = allowed(request, self._tokens)
        lines = await self._lines(conversation)
        said = await self._transcripts.texts(conversation, [line.message_id for line in lines])
        return web.json_response([_turn(line, said.get(line.message_id, "")) for line in reversed(lines)])

    async def _show(self, request: web.Request) -> web.Response:
        conversation, number = allowed(request, self._tokens), int(request.match_info["number"])
        line = next((line for line in await self._lines(conversation) if line.number == number), None)
        if line is None:
            raise RequestRefusedError(404, "NoSuchTurn", "This conversation has no such turn.")
        said = await self._transcripts.texts(conversation, [line.message_id])
        steps = [{"name": step.name, "done_at_s": step.done_at_s} for step in line.steps]
        calls = [call.to_json() for call in self._calls.of(line.name)]
        return web.json_response(_turn(line, said.get(line.message_id, "")) | {"steps": steps, "calls": calls})

    async def _lines(self, conversation: ConversationId) -> list[Timeline]:
        return await self._turns.of(conversation_key(conversation), MAX_TURNS)


def _turn(line: Timeline, text: str) -> dict[str, Any]:
    return {
        "number": line.number,
        "message": line.message_id,
        "name": line.name,
        "code": code_of(line.number),
        "text": text if len(text) <= _MAX_TITLE else f"{text[: _MAX_TITLE - 1]}…",
        "accepted_at_s": line.accepted_at_s,
        "started_at_s": line.started_at_s,
        "ended_at_s": line.ended_at_s,
        "attempts": line.attempts,
        "outcome": line.outcome,
        "threads": sorted(line.threads),
        "usage": None if line.usage is None else asdict(line.usage),
    }
