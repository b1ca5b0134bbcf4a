"""The turns of a conversation for the panel: what was said and how it ended; of one also its steps and calls.

The calls are what the assistant's API was asked and answered, in memory and within bounds. A restart forgets them: what
can be read again is read again from the API itself.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from aiohttp import web

from adapters.webchat.page_access import Tokens, allowed, from_own_page
from adapters.webchat.page_activities import MAX_TURNS, conversation_key
from adapters.webchat.transcripts import ConversationId, Transcripts
from bot.ports import TurnsOfConversation
from bot.run import Exchange
from bot.timeline import Timeline
from bot.turn_record import code_of
from httpkit.http_errors import RequestRefusedError

_MAX_TITLE: Final = 200  # characters
_MAX_CHARS: Final = 4_000_000
_MAX_BODY_CHARS: Final = 64_000
_MAX_OF_TURN: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call as it was made last, and how many times in a row: waiting for a run is the same question many times."""

    exchange: Exchange
    times: int = 1

    @property
    def size_chars(self) -> int:
        """What it holds in memory, roughly."""
        return len(self.exchange.asked or "") + len(self.exchange.answered or "") + len(self.exchange.path)

    def to_json(self) -> dict[str, Any]:
        """For the page."""
        return {**asdict(self.exchange), "times": self.times}


class Calls:
    """The calls of the latest turns. Implements `bot.ports.Exchanges`."""

    def __init__(self, *, max_chars: int = _MAX_CHARS) -> None:
        self._max_chars = max_chars
        self._turns: OrderedDict[str, list[Call]] = OrderedDict()
        self._size_chars = 0

    def note(self, exchange: Exchange) -> None:
        """Keep a call of a turn; the calls of the oldest turns go when there are too many."""
        if not exchange.turn:
            return
        calls = self._turns.setdefault(exchange.turn, [])
        call = Call(exchange=replace(exchange, asked=_cut(exchange.asked), answered=_cut(exchange.answered)))
        if calls and _is_repeated(calls[-1].exchange, exchange):
            last = calls.pop()
            call = replace(call, times=last.times + 1)
            self._size_chars -= last.size_chars
        elif len(calls) >= _MAX_OF_TURN:
            self._size_chars -= calls.pop(0).size_chars
        calls.append(call)
        self._size_chars += call.size_chars
        while self._size_chars > self._max_chars:
            _, gone = self._turns.popitem(last=False)
            self._size_chars -= sum(each.size_chars for each in gone)

    def of(self, turn: str) -> list[Call]:
        """The calls of a turn, in the order in which they ended."""
        return list(self._turns.get(turn, ()))


def _is_repeated(before: Exchange, now: Exchange) -> bool:
    return now.method == "GET" and (before.method, before.path) == (now.method, now.path)


def _cut(body: str | None) -> str | None:
    if body is None or len(body) <= _MAX_BODY_CHARS:
        return body
    return f"{body[:_MAX_BODY_CHARS]}\n... {len(body) - _MAX_BODY_CHARS:,} characters more"


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
