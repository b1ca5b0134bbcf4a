"""How much the ledgers carry, without a bot around them: `python -m benchmarks.ledger [ROUNDS]`.

A turn here is five steps that do nothing, so what is measured is accepting, five saves, begin and end. Each round runs
all ledgers once, interleaved; of each figure the worst round is told.
"""

from __future__ import annotations

import asyncio
import contextlib
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bot.engine import Engine
from bot.ports import Ledger
from bot.turn import Turn
from bot.turn_record import ANSWERED, Outcome, StepKey, StepKind
from storage.ledger_postgres import PostgresLedger
from storage.ledger_sqlite import SqliteLedger
from storage.postgres import PostgresSession
from storage.sqlite import SqliteFile
from tests.support.fakes import message
from tests.support.postgres_proxy import running_proxy
from tests.support.postgres_server import PostgresServer, postgres_programs, running_postgres

_TURNS = 2000
_CONVERSATIONS = 250
_STEPS = 5
_DEADLINE_S = 120.0


@dataclass(frozen=True, slots=True)
class Figures:
    """One ledger, one round."""

    turns_per_s: float
    cpu_ms: float  # of this process, for a turn
    one_ack_ms: float  # median, one message at a time
    all_acks_ms: float  # slowest, when all messages arrive at once


class Crowd:
    """Turns that do nothing, and the moment when all of them are done."""

    def __init__(self, turns: int) -> None:
        self._left = turns
        self.done = asyncio.Event()

    async def handle(self, turn: Turn) -> Outcome:
        """Go through the steps."""
        for step in range(_STEPS):
            await turn.step(StepKey(StepKind.PART, step), _nothing)
        self._left -= 1
        if not self._left:
            self.done.set()
        return ANSWERED

    async def give_up(self, turn: Turn, error: Exception) -> Outcome:
        """Never."""
        raise error


async def _nothing() -> str:
    return "done"


async def measure(ledger: Ledger) -> Figures:
    """Let a crowd through the engine and the ledger."""
    crowd = Crowd(_TURNS)
    engine = Engine(ledger=ledger, handler=crowd.handle, give_up=crowd.give_up)
    await engine.start()
    start_s, start_cpu_s = time.perf_counter(), time.process_time()
    acks_s = await asyncio.gather(*(_accepted(engine, n) for n in range(_TURNS)))
    async with asyncio.timeout(_DEADLINE_S):
        await crowd.done.wait()
    took_s, cpu_s = time.perf_counter() - start_s, time.process_time() - start_cpu_s
    alone_s = [await _timed(lambda n=n: ledger.add("alone", f"m{n}", "x")) for n in range(100)]  # type: ignore[misc]
    await engine.stop()
    return Figures(_TURNS / took_s, 1000 * cpu_s / _TURNS, 1000 * statistics.median(alone_s), 1000 * max(acks_s))


async def _accepted(engine: Engine, number: int) -> float:
    said = message("hi", id=f"m{number}", conversation=f"c{number % _CONVERSATIONS}")
    return await _timed(lambda: engine.accept(said))


async def _timed(work: Callable[[], Awaitable[object]]) -> float:
    start_s = time.perf_counter()
    await work()
    return time.perf_counter() - start_s


@asynccontextmanager
async def ledgers(postgres: PostgresServer, folder: Path) -> AsyncIterator[dict[str, Callable[[], Ledger]]]:
    """By name, a fresh one each time it is called."""
    async with running_proxy(postgres.port, delay_s=0.001) as far:

        def at(port: int) -> Ledger:
            return PostgresLedger(PostgresSession(postgres.url(postgres.new_database(), port=port)))

        yield {
            "SQLite": lambda: SqliteLedger(SqliteFile(Path(tempfile.mkdtemp(dir=folder)) / "ledger.sqlite")),
            "PostgreSQL": lambda: at(postgres.port),
            "PostgreSQL, 2 ms away": lambda: at(far.port),
        }


async def run(rounds: int) -> None:
    """Print a table."""
    programs = postgres_programs()
    if programs is None:
        sys.exit("PostgreSQL is not here: `make test` installs it")
    rows: dict[str, list[Figures]] = {}
    with tempfile.TemporaryDirectory(dir=".") as folder, running_postgres(programs, synced=True) as postgres:
        async with ledgers(postgres, Path(folder)) as made:
            for _ in range(rounds):
                for name, make in made.items():
                    rows.setdefault(name, []).append(await measure(make()))
    write = sys.stdout.write
    write(f"| {_TURNS} turns of {_STEPS} steps, {_CONVERSATIONS} conversations | turns/s | CPU ms/turn |")
    write(" one message: ack p50 ms | all at once: slowest ack ms |\n|---|---|---|---|---|\n")
    for name, figures in rows.items():
        worst = Figures(
            min(each.turns_per_s for each in figures),
            max(each.cpu_ms for each in figures),
            max(each.one_ack_ms for each in figures),
            max(each.all_acks_ms for each in figures),
        )
        cells = (
            f"{worst.turns_per_s:.0f}",
            f"{worst.cpu_ms:.2f}",
            f"{worst.one_ack_ms:.1f}",
            f"{worst.all_acks_ms:.0f}",
        )
        write(f"| {' | '.join((name, *cells))} |\n")


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(run(int(sys.argv[1]) if len(sys.argv) > 1 else 3))
