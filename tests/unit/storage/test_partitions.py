from __future__ import annotations

from collections.abc import Callable
from typing import Any

from storage.partitions import PARTITIONS, Partitions
from storage.postgres_connection import Connection


class TwoProcesses(Connection):
    """PostgreSQL as this session sees it: there is one other process, which holds nothing."""

    def __init__(self, while_looking: Callable[[], None]) -> None:
        self.let_go: list[int] = []
        self._while_looking = while_looking

    async def fetch(self, statement: str, *values: Any) -> list[Any]:
        if "pg_locks" in statement:
            self._while_looking()
            return [{"processes": 2, "taken": list(range(PARTITIONS))}]
        if "pg_advisory_unlock" in statement:
            self.let_go += values[1]
        return []


async def test_a_turn_that_begins_while_the_locks_are_looked_at_keeps_its_partition() -> None:
    partitions = Partitions()
    partitions.held, partitions.open = set(range(PARTITIONS)), set(range(PARTITIONS))
    in_hand: set[int] = set()
    connection = TwoProcesses(lambda: in_hand.update(range(40)))
    await partitions.share(connection, busy=lambda: in_hand)
    assert len(partitions.open) == PARTITIONS // 2
    assert len(connection.let_go) == PARTITIONS - 40
    assert not in_hand & set(connection.let_go)
    await partitions.share(connection, busy=set)  # all of them have ended
    assert len(connection.let_go) == PARTITIONS // 2
    assert partitions.held == partitions.open == set(range(PARTITIONS)) - set(connection.let_go)
