"""What every ledger must do, whatever it is kept in."""

from __future__ import annotations

import asyncio
import multiprocessing
import sqlite3
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from bot.errors import StorageError, StorageInUseError
from bot.ports import Ledger, LedgerEntry
from storage.ledger_sqlite import SqliteLedger
from storage.sqlite import SqliteFile
from tests.fakes import MemoryLedger


class Adopted(list[LedgerEntry]):
    def __call__(self, entries: Sequence[LedgerEntry]) -> None:
        self.extend(entries)


async def nothing() -> None:
    """No turn is running in these tests, so there is nothing to drop."""


@pytest.fixture(params=["memory", "sqlite"])
async def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Ledger]:
    made: Ledger = MemoryLedger() if request.param == "memory" else SqliteLedger(SqliteFile(tmp_path / "l.sqlite"))
    await made.start(Adopted(), nothing)
    yield made
    await made.stop()


async def unfinished(ledger: Ledger) -> list[LedgerEntry]:
    """What the next life of the process would find."""
    await ledger.stop()
    adopted = Adopted()
    await ledger.start(adopted, nothing)
    return adopted


async def test_what_was_accepted_is_found_by_the_next_life_in_order(ledger: Ledger) -> None:
    numbers = [await ledger.add("c", f"m{n}", f"payload {n}") for n in range(5)]
    found = await unfinished(ledger)
    assert [entry.number for entry in found] == numbers
    assert [entry.payload for entry in found] == [f"payload {n}" for n in range(5)]


async def test_a_message_is_accepted_once_in_its_conversation_even_at_the_same_moment(ledger: Ledger) -> None:
    numbers = await asyncio.gather(*(ledger.add("c", "m", "x") for _ in range(20)))
    assert len([number for number in numbers if number is not None]) == 1
    assert await ledger.add("other", "m", "x") is not None


async def test_steps_and_tries_are_kept(ledger: Ledger) -> None:
    number = await ledger.add("c", "m", "x")
    assert number is not None
    await ledger.begin(number)
    await ledger.begin(number)
    await ledger.save(number, "run", '"run_1"')
    await ledger.save(number, "run", '"run_2"')
    [entry] = await unfinished(ledger)
    assert (entry.tries, entry.steps) == (2, {"run": '"run_2"'})


async def test_a_done_turn_is_not_found_again_and_its_message_stays_known(ledger: Ledger) -> None:
    number = await ledger.add("c", "m", "x")
    assert number is not None
    await ledger.end(number)
    assert await unfinished(ledger) == []
    assert await ledger.add("c", "m", "x") is None


async def test_a_done_turn_leaves_no_word_of_the_person_on_disk(tmp_path: Path) -> None:
    file = SqliteFile(tmp_path / "l.sqlite")
    ledger = SqliteLedger(file)
    await ledger.start(Adopted(), nothing)
    number = await ledger.add("c", "m", "my secret")
    assert number is not None
    await ledger.save(number, "reply", '"my secret too"')
    await ledger.end(number)
    await ledger.stop()
    rows = sqlite3.connect(tmp_path / "l.sqlite").execute("SELECT payload FROM turns").fetchall()
    steps = sqlite3.connect(tmp_path / "l.sqlite").execute("SELECT * FROM steps").fetchall()
    assert (rows, steps) == ([("",)], [])


async def test_a_message_is_forgotten_a_week_after_it_was_answered(tmp_path: Path) -> None:
    now = [0.0]
    ledger = SqliteLedger(SqliteFile(tmp_path / "l.sqlite"), clock=lambda: now[0])
    await ledger.start(Adopted(), nothing)
    number = await ledger.add("c", "m", "x")
    assert number is not None
    await ledger.end(number)
    now[0] = 6 * 86_400
    await unfinished(ledger)
    assert await ledger.add("c", "m", "x") is None
    now[0] = 8 * 86_400
    await unfinished(ledger)
    assert await ledger.add("c", "m", "x") is not None
    await ledger.stop()


def hold(path: Path, ready: multiprocessing.synchronize.Event, end: multiprocessing.synchronize.Event) -> None:
    async def main() -> None:
        file = SqliteFile(path)
        await file.open()
        ready.set()
        await asyncio.to_thread(end.wait, 20)

    asyncio.run(main())


async def test_a_second_process_is_told_within_two_seconds_that_the_file_is_in_use(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    ready, end = context.Event(), context.Event()
    holder = context.Process(target=hold, args=(tmp_path / "l.sqlite", ready, end))
    holder.start()
    try:
        assert await asyncio.to_thread(ready.wait, 20)
        async with asyncio.timeout(2):
            with pytest.raises(StorageInUseError):
                await SqliteFile(tmp_path / "l.sqlite").open()
    finally:
        end.set()
        await asyncio.to_thread(holder.join, 20)


async def test_a_file_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "l.sqlite") as db:
        db.execute("PRAGMA user_version = 999")
    with pytest.raises(StorageError, match="newer version"):
        await SqliteFile(tmp_path / "l.sqlite").open()


async def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "l.sqlite").write_bytes(b"this is no database, however hard one looks" * 100)
    with pytest.raises(StorageError, match="not a database"):
        await SqliteFile(tmp_path / "l.sqlite").open()


async def test_one_refused_value_does_not_harm_the_others_of_its_commit(tmp_path: Path) -> None:
    ledger = SqliteLedger(SqliteFile(tmp_path / "l.sqlite"))
    await ledger.start(Adopted(), nothing)
    adds = [ledger.add("c", f"m{n}", "\ud800" if n == 3 else "x") for n in range(6)]
    outcomes = await asyncio.gather(*adds, return_exceptions=True)
    assert [isinstance(outcome, StorageError) for outcome in outcomes] == [n == 3 for n in range(6)]
    assert len(await unfinished(ledger)) == 5
    await ledger.stop()
