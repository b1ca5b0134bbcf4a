"""The turns that a process has begun and not ended, in a ledger that it can lose touch with."""

from __future__ import annotations

from bot.timeline import EXCUSED
from storage.partitions import PARTITIONS
from storage.postgres_connection import IDLE_S, Connection

# By the process that began them, whoever owns them by now: so the count is raised and not overwritten.
_EXCUSE = """
INSERT INTO steps (turn, name, result) SELECT number, $2, '1' FROM turns WHERE number = ANY ($1::bigint[])
ON CONFLICT (turn, name) DO UPDATE SET result = (steps.result::int + 1)::text"""


class TurnsInHand:
    """By number. That a session was lost is no fault of theirs, and is written down for each in the next session."""

    def __init__(self) -> None:
        self._numbers: set[int] = set()
        self.cut_off: set[int] = set()

    def begun(self, number: int) -> None:
        """It is worked on here."""
        self._numbers.add(number)

    def ended(self, number: int) -> None:
        """It is no more."""
        self._numbers.discard(number)

    def partitions(self) -> set[int]:
        """Those that turns in hand belong to."""
        return {number % PARTITIONS for number in self._numbers}

    def session_ended(self, *, silent_s: float) -> None:
        """No turn is in hand any more. `silent_s`: since this process last talked to PostgreSQL.

        After IDLE_S PostgreSQL ends a session for the process's own silence: a turn may well have frozen it, and that
        is a try like any that brings the process down.
        """
        if silent_s < IDLE_S:
            self.cut_off |= self._numbers
        self._numbers.clear()

    async def excuse(self, connection: Connection) -> None:
        """Write down of those that an earlier session cut off that this was no fault of theirs."""
        if self.cut_off:
            await connection.fetch(_EXCUSE, list(self.cut_off), EXCUSED)
            self.cut_off.clear()
