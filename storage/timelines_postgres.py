"""Time lines of turns, from PostgreSQL, whichever process worked on them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

from bot.codec import current_step_name, outcome_from_text
from bot.conversation import ConversationKey
from bot.log_ids import conversation_hash
from bot.timeline import StepDone, Timeline
from bot.turn_record import Usage, UsageSum, key_of
from storage.postgres import PostgresSession
from storage.postgres_connection import Connection, Row

# The outcome of a finished turn is kept with its message, the state of an unfinished one with its turn.
_LINES = """
SELECT number, message_id, conversation, extract(epoch FROM accepted_at)::float8 AS accepted_at,
       extract(epoch FROM coalesce(turns.started_at, messages.started_at))::float8 AS started_at,
       coalesce(turns.attempts, messages.attempts) AS attempts, extract(epoch FROM done_at)::float8 AS done_at, outcome,
       CASE WHEN turns.number IS NULL THEN messages.steps ELSE (
           SELECT json_agg(json_build_array(name, extract(epoch FROM done_at))) FROM steps WHERE turn = turns.number
       ) END AS steps, row_to_json(usage) AS usage
FROM messages LEFT JOIN turns USING (number, message_id, conversation)
    LEFT JOIN usage ON usage.turn = messages.number """
_SUM = """
SELECT count(*) AS turns,
       coalesce(sum(input_tokens), 0)::bigint AS input_tokens, coalesce(sum(cached_tokens), 0)::bigint AS cached_tokens,
       coalesce(sum(output_tokens), 0)::bigint AS output_tokens,
       coalesce(sum(reasoning_tokens), 0)::bigint AS reasoning_tokens, coalesce(sum(code_runs), 0)::bigint AS code_runs,
       coalesce(sum(code_ms), 0)::bigint AS code_ms
FROM usage WHERE tenant = $1 AND ended_at >= to_timestamp($2) AND ($3::text IS NULL OR person = $3)"""
_LATEST = f"{_LINES} ORDER BY number DESC LIMIT $1"
_OF = f"{_LINES} WHERE conversation = $1 ORDER BY number DESC LIMIT $2"
_SOME = f"{_LINES} WHERE number = ANY ($1::bigint[])"


class PostgresTimelines:
    """Implements `bot.ports.Timelines`, `bot.ports.TurnsOfConversation` and `bot.ports.UsageReader`."""

    def __init__(self, session: PostgresSession) -> None:
        self._session = session

    async def latest(self, limit: int) -> list[Timeline]:
        """By number, which is the order of acceptance."""
        return await self._session.read(_latest, limit)

    async def of(self, key: ConversationKey, limit: int) -> list[Timeline]:
        """The same for one conversation."""
        return await self._session.read(_of, (str(key), limit))

    async def timeline(self, number: int) -> Timeline | None:
        """Look the turn up."""
        return await self._session.read(_some, number)

    async def used(self, tenant: str, since_s: float, person: str | None = None) -> UsageSum:
        """Add up the rows of the ledger."""
        asked = (key_of(tenant), since_s, None if person is None else key_of(person))
        return await self._session.read(_used, asked)


async def _used(connection: Connection, wanted: Sequence[tuple[str, float, str | None]]) -> list[UsageSum]:
    sums = []
    for asked in wanted:
        [row] = await connection.fetch(_SUM, *asked)
        sums.append(UsageSum(turns=row["turns"], usage=Usage(**{name: row[name] for name in asdict(Usage())})))
    return sums


async def _latest(connection: Connection, limits: Sequence[int]) -> list[list[Timeline]]:
    lines = [_timeline(row) for row in await connection.fetch(_LATEST, max(limits))]
    return [lines[:limit][::-1] for limit in limits]


async def _of(connection: Connection, wanted: Sequence[tuple[str, int]]) -> list[list[Timeline]]:
    return [[_timeline(row) for row in await connection.fetch(_OF, *one)][::-1] for one in wanted]


async def _some(connection: Connection, numbers: Sequence[int]) -> list[Timeline | None]:
    lines = {row["number"]: _timeline(row) for row in await connection.fetch(_SOME, list(numbers))}
    return [lines.get(number) for number in numbers]


def _timeline(row: Row) -> Timeline:
    steps = [
        StepDone(name=current_step_name(name), done_at_s=float(at)) for name, at, *_ in json.loads(row["steps"] or "[]")
    ]
    return Timeline(
        number=row["number"],
        message_id=row["message_id"],
        conversation_hash=conversation_hash(row["conversation"]),
        accepted_at_s=row["accepted_at"],
        started_at_s=row["started_at"],
        attempts=row["attempts"],
        steps=tuple(sorted(steps, key=lambda step: step.done_at_s)),
        ended_at_s=row["done_at"],
        outcome=None if row["outcome"] is None else outcome_from_text(row["outcome"]),
        usage=Usage.from_json(None if row["usage"] is None else json.loads(row["usage"])),
    )
