"""The ledger of turns in PostgreSQL, for several processes: each works on its share of the conversations.

Every write goes through the very session that holds the locks. A process that lost its session cannot write, whatever
it believes, so no lease, clock or heartbeat is needed here.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import asdict, dataclass, field
from typing import TypeAlias

from bot.codec import step_to_text
from bot.errors import StorageError
from bot.ports import LedgerEntry
from bot.turn_record import ANSWERED, Outcome, StepKey, StepKind, TurnUsage
from storage.partitions import PARTITIONS, Partitions, partition_of
from storage.postgres import POLL_S, PostgresSession
from storage.postgres_connection import IDLE_S, Connection, Row, SessionLostError

_CHANNEL = "teamsbot"
_SIGNALS = step_to_text(StepKey(StepKind.SIGNAL)) + "/"
_LOOK_AGAIN = "look"  # a process came or went, or let go of partitions; else a notice is the number of a new turn

# A turn's number is its place in the order of acceptance * 64 + its partition, so that a number tells who owns it.
# Numbers are drawn in order of arrival; rows are put in by key, so that two processes cannot wait for each other.
_COMMIT = f"""
WITH numbered AS MATERIALIZED (
    SELECT nextval('turn_numbers') * {PARTITIONS} + part AS number, conversation, message_id, payload, signal, hears
    FROM unnest($1::int[], $2::text[], $3::text[], $4::text[], $12::text[], $13::boolean[])
        AS new (part, conversation, message_id, payload, signal, hears)
), fresh AS (
    INSERT INTO messages (number, conversation, message_id)
    SELECT number, conversation, message_id FROM numbered
    WHERE NOT EXISTS (
        SELECT FROM forgotten_messages WHERE digest = sha256(convert_to(conversation || chr(31) || message_id, 'UTF8'))
        AND forgotten_at >= now() - interval '7 days'
    )
    ORDER BY conversation, message_id, number
    ON CONFLICT DO NOTHING RETURNING number
), added AS (
    INSERT INTO turns (number, conversation, message_id, payload, hears_signals)
    SELECT number, conversation, message_id, payload, hears FROM numbered JOIN fresh USING (number)
    RETURNING number, conversation, message_id, hears_signals
), signalled AS (  -- a turn may have been added by this very statement, which `turns` does not show yet
    INSERT INTO steps (turn, name, result)
    SELECT DISTINCT ON (before.number, signal) before.number, '{_SIGNALS}' || signal, numbered.number::text
    FROM numbered JOIN fresh USING (number) CROSS JOIN LATERAL (
        SELECT open.number FROM (
            SELECT number, attempts > 0 OR number = ANY ($6::bigint[]) AS running FROM turns
            WHERE conversation = numbered.conversation AND hears_signals AND number <> ALL ($10::bigint[])
            UNION ALL
            SELECT number, false FROM added WHERE conversation = numbered.conversation AND hears_signals
        ) AS open
        WHERE open.number < numbered.number ORDER BY NOT running, open.number LIMIT 1
    ) AS before
    WHERE signal <> '' ORDER BY before.number, signal, numbered.number
    ON CONFLICT DO NOTHING RETURNING turn
), started AS (
    UPDATE turns SET attempts = attempts + 1, started_at = now() WHERE number = ANY ($6::bigint[])
), saved AS (
    INSERT INTO steps (turn, name, result) SELECT * FROM unnest($7::bigint[], $8::text[], $9::text[])
    ON CONFLICT (turn, name) DO UPDATE SET result = excluded.result, done_at = excluded.done_at
), ended AS (
    DELETE FROM turns WHERE number = ANY ($10::bigint[]) RETURNING number, attempts, started_at
), swept AS (
    DELETE FROM steps WHERE turn = ANY ($10::bigint[]) RETURNING turn, name, result, done_at
), explained AS (
    UPDATE messages SET attempts = ended.attempts, started_at = ended.started_at, done_at = now(),
        outcome = known.outcome, steps = (
            SELECT coalesce(json_agg(
                -- The ids of what was sent stay, by which a person's opinion of it is known to be of this turn.
                CASE WHEN name LIKE 'part/%' OR name LIKE 'give_up/%'
                THEN json_build_array(name, extract(epoch FROM swept.done_at), result)
                ELSE json_build_array(name, extract(epoch FROM swept.done_at)) END
            ), '[]')
            FROM swept WHERE turn = messages.number
        )
    FROM ended JOIN unnest($10::bigint[], $11::text[]) AS known (number, outcome) USING (number)
    WHERE messages.number = ended.number
), used AS (
    INSERT INTO usage (
        turn, tenant, person, input_tokens, cached_tokens, output_tokens, reasoning_tokens, code_runs, code_ms
    )
    SELECT turn, tenant, person, input_tokens, cached_tokens, output_tokens, reasoning_tokens, code_runs, code_ms
    FROM json_to_recordset($14::json) AS new (
        turn bigint, tenant text, person text, input_tokens bigint, cached_tokens bigint, output_tokens bigint,
        reasoning_tokens bigint, code_runs bigint, code_ms bigint
    ) JOIN ended ON number = turn
    ON CONFLICT DO NOTHING
), used_long_ago AS (
    DELETE FROM usage WHERE turn IN (
        SELECT turn FROM usage WHERE ended_at < now() - interval '35 days'
        ORDER BY ended_at LIMIT 2 * cardinality($10::bigint[]) FOR UPDATE SKIP LOCKED
    )
), forgotten AS (  -- two for one, so that old ids go as fast as new ones come, and no timer is needed
    DELETE FROM messages WHERE number IN (
        SELECT number FROM messages WHERE accepted_at < now() - interval '7 days'
        ORDER BY accepted_at LIMIT 2 * cardinality($10::bigint[]) FOR UPDATE SKIP LOCKED
    )
), forgotten_digests AS (
    DELETE FROM forgotten_messages WHERE digest IN (
        SELECT digest FROM forgotten_messages WHERE forgotten_at < now() - interval '7 days'
        ORDER BY forgotten_at LIMIT 2 * cardinality($10::bigint[]) FOR UPDATE SKIP LOCKED
    )
)
SELECT number, conversation, message_id,
       CASE WHEN number % {PARTITIONS} <> ALL ($5::int[]) THEN pg_notify('{_CHANNEL}', number::text) END,
       (SELECT count(pg_notify('{_CHANNEL}', turn::text)) FROM signalled)
FROM added"""  # noqa: S608 - constants only

_SIGNAL = f"""
WITH signalled AS (
    INSERT INTO steps (turn, name, result)
    SELECT number, '{_SIGNALS}' || name, result
    FROM unnest($1::bigint[], $2::text[], $3::text[]) AS new (number, name, result) JOIN turns USING (number)
    ON CONFLICT DO NOTHING RETURNING turn
)
SELECT pg_notify('{_CHANNEL}', turn::text) FROM signalled"""  # noqa: S608 - constants only
# A turn that ends while it is signalled elsewhere leaves that step behind.
_SWEEP = "DELETE FROM steps WHERE NOT EXISTS (SELECT FROM turns WHERE number = turn)"

_UNFINISHED = """
SELECT number, conversation, message_id, payload, attempts, uncounted_attempts,
       (SELECT coalesce(json_object_agg(name, result), '{}') FROM steps WHERE turn = number) AS steps
FROM turns WHERE """
_OF_PARTITIONS = f"{_UNFINISHED} number % {PARTITIONS} = ANY ($1::bigint[]) ORDER BY number"
_OF_NUMBERS = f"{_UNFINISHED} number = ANY ($1::bigint[]) ORDER BY number"
_NOTIFY = "SELECT pg_notify($1, $2)"

# A statement of its own: one row must not be changed twice in a statement, and this turn may start at any moment.
_REPLACE = f"""
WITH replaced AS (
    UPDATE turns SET payload = new.payload
    FROM unnest($1::text[], $2::text[], $3::text[]) AS new (conversation, message_id, payload)
    WHERE turns.conversation = new.conversation AND turns.message_id = new.message_id AND attempts = 0
    RETURNING number, turns.conversation, turns.message_id
)
SELECT conversation, message_id,
       CASE WHEN number % {PARTITIONS} <> ALL ($4::int[]) THEN pg_notify('{_CHANNEL}', number::text) END
FROM replaced"""  # noqa: S608 - constants only


@dataclass(frozen=True, slots=True)
class _Added:
    conversation: str
    message_id: str
    payload: str
    signal: str = ""
    hears_signals: bool = True


@dataclass(frozen=True, slots=True)
class _Nothing:
    """PostgreSQL demands the rights of a statement also where it has no rows to write."""


@dataclass(frozen=True, slots=True)
class _Signal:
    number: int
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class _Started:
    number: int


@dataclass(frozen=True, slots=True)
class _Saved:
    number: int
    step: str
    result: str


@dataclass(frozen=True, slots=True)
class _Ended:
    number: int
    outcome: Outcome
    used: TurnUsage | None


_Write: TypeAlias = _Nothing | _Added | _Started | _Saved | _Ended


class PostgresLedger:
    """Implements `bot.ports.Ledger` and `storage.postgres.SessionListener`."""

    def __init__(self, session: PostgresSession) -> None:
        self._session = session
        self._partitions = Partitions()
        self._running = RunningTurns()
        self._news: set[int] = set()  # numbers of turns that others accepted for us
        self._share_due_s = 0.0
        self._ticked_s = 0.0

    async def start(
        self, on_assigned: Callable[[Sequence[LedgerEntry]], None], on_revoked: Callable[[], Awaitable[None]]
    ) -> None:
        """Join the others. Turns are handed over as partitions are taken, now and whenever another lets go."""
        self._on_assigned, self._on_revoked = on_assigned, on_revoked
        await self._session.open(self)

    def owns(self, conversation: str) -> bool:
        """Whether new turns of this conversation may begin here."""
        return partition_of(conversation) in self._partitions.open

    async def add(
        self, conversation: str, message_id: str, payload: str, *, signal: str = "", hears_signals: bool = True
    ) -> int | None:
        """Write a message down, for any owner: the owner hears of it. Two deliveries at once are one."""
        return await self._session.send(self._commit, _Added(conversation, message_id, payload, signal, hears_signals))

    async def check(self) -> None:
        """Send the statement that stores messages, without one, so that it fails where theirs would."""
        await self._session.send(self._commit, _Nothing())

    async def signal(self, number: int, name: str, value: str) -> None:
        """Write the step down; the process in which the turn runs hears of it."""
        await self._session.send(self._signal, _Signal(number, name, value))

    async def replace(self, conversation: str, message_id: str, payload: str) -> bool:
        """Write another message over one that waits; if another process works on the conversation, it hears of it."""
        return await self._session.send(self._replace, _Added(conversation, message_id, payload))

    async def begin(self, number: int) -> None:
        """Count one more attempt; from now on the turn's partition is kept until the turn has ended."""
        self._running.started(number)
        await self._session.send(self._commit, _Started(number))

    async def uncount_attempt(self, number: int) -> None:
        """Count one more attempt that does not count."""
        await self._session.send(_uncount_attempts, number)

    async def save(self, number: int, step: str, result: str) -> None:
        """Write a step's result down."""
        await self._session.send(self._commit, _Saved(number, step, result))

    async def end(self, number: int, outcome: Outcome = ANSWERED, used: TurnUsage | None = None) -> None:
        """Take away the turn and what people said in it. The message's id and the timeline stay known for a week."""
        await self._session.send(self._commit, _Ended(number, outcome, used))
        self._running.ended(number)

    async def stop(self) -> None:
        """Let the others have the conversations at once, and go."""
        await self._session.close()

    async def on_open(self, connection: Connection) -> None:
        """Be counted, hear of news, and make the others look: their shares have become smaller."""
        self._ticked_s = asyncio.get_running_loop().time()
        await self._running.uncount(connection)
        await connection.fetch(_SWEEP)
        await connection.listen(_CHANNEL, self._heard, self._session.wake)
        await self._partitions.join(connection)
        await connection.fetch(_NOTIFY, _CHANNEL, _LOOK_AGAIN)

    async def on_tick(self, connection: Connection) -> None:
        """Take what others accepted for this process, and once a second see whether the shares are fair."""
        await self._assign_news(connection)
        if asyncio.get_running_loop().time() >= self._share_due_s:
            await self._share(connection)
            self._share_due_s = asyncio.get_running_loop().time() + POLL_S
        self._ticked_s = asyncio.get_running_loop().time()

    async def on_close(self, connection: Connection) -> None:
        """Give all partitions to the others, with the running turns, whose attempts the engine has uncounted."""
        self._running = RunningTurns()
        await self._partitions.leave(connection)
        await connection.fetch(_NOTIFY, _CHANNEL, _LOOK_AGAIN)

    async def on_end(self) -> None:
        """Cut off every running turn: another process may be at it already."""
        self._partitions.forget()
        await self._on_revoked()
        self._running.session_ended(silent_s=asyncio.get_running_loop().time() - self._ticked_s)
        self._news.clear()
        self._share_due_s = 0.0

    def _heard(self, notice: str) -> None:
        if notice == _LOOK_AGAIN:
            self._share_due_s = 0.0
        elif int(notice) % PARTITIONS in self._partitions.held:
            self._news.add(int(notice))
        else:
            return
        self._session.wake()

    async def _assign_news(self, connection: Connection) -> None:
        news, self._news = self._news, set()
        if not news:
            return
        try:
            rows = await connection.fetch(_OF_NUMBERS, list(news))
        except StorageError as error:  # a new session finds these turns, this one would never hear of them again
            raise SessionLostError(f"new turns cannot be read: {error}") from error
        self._hand_over(rows)

    async def _share(self, connection: Connection) -> None:
        taken, let_go = await self._partitions.share(connection, busy=self._running.partitions)
        if let_go:
            await connection.fetch(_NOTIFY, _CHANNEL, _LOOK_AGAIN)
        if taken:
            found = await connection.fetch(_OF_PARTITIONS, list(taken))
            # With no await in between: a new message must not overtake those that were found.
            self._partitions.open |= taken
            self._hand_over(found)

    def _hand_over(self, rows: Sequence[Row]) -> None:
        # A running turn is heard of to its end, also where no other may start here.
        mine = [row for row in rows if self.owns(row["conversation"]) or row["number"] in self._running]
        self._on_assigned([_entry(row) for row in mine])

    async def _commit(self, connection: Connection, writes: Sequence[_Write]) -> list[int | None]:
        batch = _Batch()
        for write in writes:
            batch.take(write)
        rows = await connection.fetch(_COMMIT, *batch.values(opened=self._partitions.open))
        # What others had acknowledged before one of these was sent was notified before it, and must not be overtaken:
        # PostgreSQL tells a session its notices before it is ready for the next statement.
        await self._assign_news(connection)
        numbers = {(row["conversation"], row["message_id"]): row["number"] for row in rows}
        return [
            numbers.pop((write.conversation, write.message_id), None) if isinstance(write, _Added) else None
            for write in writes
        ]

    async def _signal(self, connection: Connection, signals: Sequence[_Signal]) -> list[None]:
        numbers, names = [each.number for each in signals], [each.name for each in signals]
        await connection.fetch(_SIGNAL, numbers, names, [each.value for each in signals])
        return [None] * len(signals)

    async def _replace(self, connection: Connection, writes: Sequence[_Added]) -> list[bool]:
        latest = {(write.conversation, write.message_id): write.payload for write in writes}
        conversations, message_ids = [where for where, _ in latest], [message_id for _, message_id in latest]
        opened = list(self._partitions.open)
        rows = await connection.fetch(_REPLACE, conversations, message_ids, list(latest.values()), opened)
        replaced = {(row["conversation"], row["message_id"]) for row in rows}
        return [(write.conversation, write.message_id) in replaced for write in writes]


@dataclass(slots=True)
class _Batch:
    """The writes of one statement, by kind."""

    added: list[_Added] = field(default_factory=list)
    started: list[int] = field(default_factory=list)
    saved: dict[tuple[int, str], str] = field(default_factory=dict)  # one row is written once in a statement
    ended: dict[int, Outcome] = field(default_factory=dict)
    used: dict[int, TurnUsage] = field(default_factory=dict)

    def take(self, write: _Write) -> None:
        match write:
            case _Nothing():
                pass
            case _Added():
                self.added.append(write)
            case _Started(number=number):
                self.started.append(number)
            case _Saved(number=number, step=step, result=result):
                self.saved[number, step] = result
            case _Ended(number=number, outcome=outcome, used=used):
                self.ended[number] = outcome
                if used is not None:
                    self.used[number] = used

    def values(self, opened: AbstractSet[int]) -> tuple[list[object] | str, ...]:
        """The parameters of `_COMMIT`; owners of partitions that are not `opened` here are notified."""
        return (
            [partition_of(each.conversation) for each in self.added],
            [each.conversation for each in self.added],
            [each.message_id for each in self.added],
            [each.payload for each in self.added],
            list(opened),
            list(self.started),
            [number for number, _ in self.saved],
            [step for _, step in self.saved],
            list(self.saved.values()),
            list(self.ended),
            list(self.ended.values()),
            [each.signal for each in self.added],
            [each.hears_signals for each in self.added],
            json.dumps(
                [
                    {"turn": number, "tenant": used.tenant, "person": used.person, **asdict(used.usage)}
                    for number, used in self.used.items()
                ]
            ),
        )


_UNCOUNT = "UPDATE turns SET uncounted_attempts = uncounted_attempts + 1 WHERE number = ANY ($1::bigint[])"


async def uncount_attempts(connection: Connection, numbers: Iterable[int]) -> None:
    """Write down that the last attempt of each of these turns says nothing against it, whichever process owns it."""
    await connection.fetch(_UNCOUNT, list(numbers))


class RunningTurns:
    """The numbers of the turns that this process has started and not ended.

    The loss of a session does not count as an attempt of theirs.
    """

    def __init__(self) -> None:
        self._numbers: set[int] = set()
        self.cut_off: set[int] = set()

    def started(self, number: int) -> None:
        """A turn is worked on from now on."""
        self._numbers.add(number)

    def ended(self, number: int) -> None:
        """A turn is done."""
        self._numbers.discard(number)

    def __contains__(self, number: int) -> bool:
        return number in self._numbers

    def partitions(self) -> set[int]:
        """The partitions to which running turns belong."""
        return {number % PARTITIONS for number in self._numbers}

    def session_ended(self, *, silent_s: float) -> None:
        """No turn runs any more. `silent_s`: since this process last talked to PostgreSQL.

        After IDLE_S PostgreSQL ends a session for the process's own silence: a turn may well have frozen it, and that
        attempt counts like any that crashes the process.
        """
        if silent_s < IDLE_S:
            self.cut_off |= self._numbers
        self._numbers.clear()

    async def uncount(self, connection: Connection) -> None:
        """Uncount the attempts that the loss of an earlier session cut off."""
        if self.cut_off:
            await uncount_attempts(connection, self.cut_off)
            self.cut_off.clear()


async def _uncount_attempts(connection: Connection, numbers: Sequence[int]) -> list[None]:
    # A statement of its own: in `_COMMIT` one row would be changed twice where the same turn starts again.
    await uncount_attempts(connection, numbers)
    return [None] * len(numbers)


def _entry(row: Row) -> LedgerEntry:
    return LedgerEntry(
        number=row["number"],
        conversation=row["conversation"],
        id=row["message_id"],
        payload=row["payload"],
        steps=json.loads(row["steps"]),
        attempts=row["attempts"],
        uncounted_attempts=row["uncounted_attempts"],
    )
