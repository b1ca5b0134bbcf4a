"""Which conversations are this process's: the share of 64 partitions whose locks its PostgreSQL session holds.

PostgreSQL alone knows who lives: it ends the session of a process that died, froze or was cut off, and with the
session go its locks. https://www.postgresql.org/docs/current/explicit-locking.html#ADVISORY-LOCKS
"""

from __future__ import annotations

import logging
import zlib
from collections.abc import Callable
from collections.abc import Set as AbstractSet

from storage.postgres_connection import Connection

log = logging.getLogger(__name__)

PARTITIONS = 64
"""Fixed for good, since it is written into every turn. Sensible for up to some 16 processes."""

_LOCKS = 0x7EA3_B075
_HERE = PARTITIONS  # one more lock, which every process holds, shared: so they can be counted

_LOOK = """
SELECT count(*) FILTER (WHERE objid = $2) AS processes,
       coalesce(array_agg(objid::int) FILTER (WHERE objid <> $2), '{}') AS taken
FROM pg_locks WHERE locktype = 'advisory' AND granted AND classid = $1 AND objsubid = 2
AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"""
_TAKE = "SELECT part FROM unnest($2::int[]) AS part WHERE pg_try_advisory_lock($1, part)"
_LET_GO = "SELECT pg_advisory_unlock($1, part) FROM unnest($2::int[]) AS part"


def partition_of(conversation: str) -> int:
    """The same for the same conversation, in every process and version."""
    return zlib.crc32(conversation.encode("utf-8", "surrogatepass")) % PARTITIONS


class Partitions:
    """`held`: locked by this session. `open`: those of them in which new turns may begin."""

    def __init__(self) -> None:
        self.held: set[int] = set()
        self.open: set[int] = set()

    def forget(self) -> None:
        """The session is gone, and all locks with it."""
        self.held, self.open = set(), set()

    async def join(self, connection: Connection) -> None:
        """Let the others count this process."""
        await connection.fetch("SELECT pg_advisory_lock_shared($1, $2)", _LOCKS, _HERE)

    async def share(self, connection: Connection, busy: Callable[[], AbstractSet[int]]) -> tuple[set[int], set[int]]:
        """Come closer to the fair share: the partitions that were taken, and those let go.

        What is beyond the share is closed, and let go once no turn of it is running: `busy` tells where one is. What
        was taken is held, but not open: its old turns come first.
        """
        [look] = await connection.fetch(_LOOK, _LOCKS, _HERE)
        share = -(-PARTITIONS // max(look["processes"], 1))
        # From here to `idle` there is no await, else a turn might begin where none was running a moment ago.
        running = busy()
        self._close_beyond(share, running)
        idle = self.held - self.open - running
        if idle:
            await connection.fetch(_LET_GO, _LOCKS, list(idle))
            self.held -= idle
        free = sorted(set(range(PARTITIONS)) - set(look["taken"]))[: max(0, share - len(self.held))]
        taken = {row["part"] for row in await connection.fetch(_TAKE, _LOCKS, free)} if free else set()
        self.held |= taken
        if taken or idle:
            counts = {"partitions": len(self.held), "processes": look["processes"]}
            log.info("conversations were shared out anew", extra=counts)
        return taken, idle

    async def leave(self, connection: Connection) -> None:
        """Let go of everything at once."""
        self.forget()
        await connection.fetch("SELECT pg_advisory_unlock_all()")

    def _close_beyond(self, share: int, busy: AbstractSet[int]) -> None:
        surplus = max(0, len(self.open) - share)
        self.open -= set(sorted(self.open, key=busy.__contains__)[:surplus])  # idle ones first
