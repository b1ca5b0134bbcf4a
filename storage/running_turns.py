"""The turns that a process has started and not ended, in a ledger that it can lose touch with."""

from __future__ import annotations

from collections.abc import Iterable

from storage.partitions import PARTITIONS
from storage.postgres_connection import IDLE_S, Connection

_UNCOUNT = "UPDATE turns SET uncounted_attempts = uncounted_attempts + 1 WHERE number = ANY ($1::bigint[])"


async def uncount_attempts(connection: Connection, numbers: Iterable[int]) -> None:
    """Write down that the last attempt of each of these turns says nothing against it, whichever process owns it."""
    await connection.fetch(_UNCOUNT, list(numbers))


class RunningTurns:
    """The numbers of the turns that run here. A lost session does not count as an attempt of theirs."""

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
