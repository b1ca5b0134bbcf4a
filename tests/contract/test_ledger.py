"""What every ledger must do, whatever it is kept in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.errors import StorageError
from bot.ports import Ledger
from storage.ledger_postgres import PostgresLedger
from storage.ledger_sqlite import SqliteLedger
from storage.postgres import PostgresSession
from storage.sqlite import SqliteFile
from tests.support.fakes import MemoryLedger
from tests.support.ledger_fixtures import accepted, started, unfinished
from tests.support.postgres_server import PostgresServer
from tests.support.waiting import until


def made_ledger(kind: str, request: pytest.FixtureRequest, folder: Path) -> Ledger:
    match kind:
        case "memory":
            return MemoryLedger()
        case "sqlite":
            return SqliteLedger(SqliteFile(folder / "l.sqlite"))
        case _:
            server: PostgresServer = request.getfixturevalue("postgres")
            return PostgresLedger(PostgresSession(server.url(server.new_database())))


@pytest.fixture(params=["memory", "sqlite", "postgres"])
async def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Ledger]:
    made = made_ledger(request.param, request, tmp_path)
    await started(made)
    yield made
    await made.stop()


@pytest.fixture(params=["sqlite", "postgres"])
async def durable_ledger(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Ledger]:
    made = made_ledger(request.param, request, tmp_path)
    await started(made)
    yield made
    await made.stop()


async def test_what_was_accepted_is_found_by_the_next_life_in_order(ledger: Ledger) -> None:
    numbers = [await ledger.add("c", f"m{n}", f"payload {n}") for n in range(5)]
    found = await unfinished(ledger)
    assert [entry.number for entry in found] == numbers == sorted(number or 0 for number in numbers)
    assert [entry.payload for entry in found] == [f"payload {n}" for n in range(5)]


async def test_a_message_is_accepted_once_in_its_conversation_even_at_the_same_moment(ledger: Ledger) -> None:
    numbers = await asyncio.gather(*(ledger.add("c", "m", "x") for _ in range(20)))
    assert len([number for number in numbers if number is not None]) == 1
    assert await ledger.add("other", "m", "x") is not None


async def test_what_arrives_at_the_same_moment_keeps_its_order(ledger: Ledger) -> None:
    numbers = await asyncio.gather(*(ledger.add("c", f"m{99 - n}", str(n)) for n in range(100)))
    assert numbers == sorted(number or 0 for number in numbers)
    assert [entry.payload for entry in await unfinished(ledger)] == [str(n) for n in range(100)]


async def test_steps_and_attempts_are_kept(ledger: Ledger) -> None:
    number = await accepted(ledger)
    await ledger.begin(number)
    await ledger.begin(number)
    await ledger.uncount_attempt(number)
    await ledger.save(number, "run", '"run_1"')
    await ledger.save(number, "run", '"run_2"')
    [entry] = await unfinished(ledger)
    assert (entry.attempts, entry.uncounted_attempts, entry.steps) == (2, 1, {"run": '"run_2"'})


async def test_turns_do_not_see_one_anothers_steps(ledger: Ledger) -> None:
    one, two = await accepted(ledger, "c", "m1"), await accepted(ledger, "c", "m2")
    await asyncio.gather(ledger.begin(two), ledger.save(one, "run", '"a"'), ledger.save(two, "run", '"b"'))
    assert [(entry.attempts, entry.steps) for entry in await unfinished(ledger)] == [
        (0, {"run": '"a"'}),
        (1, {"run": '"b"'}),
    ]


async def test_a_done_turn_is_not_found_again_and_its_message_stays_known(ledger: Ledger) -> None:
    await ledger.end(await accepted(ledger))
    assert await unfinished(ledger) == []
    assert await ledger.add("c", "m", "x") is None


async def test_a_message_that_waits_can_be_replaced(ledger: Ledger) -> None:
    one, two = await accepted(ledger, "c", "m1", "one"), await accepted(ledger, "c", "m2", "two")
    assert await ledger.replace("c", "m2", "two, edited")
    assert [(entry.number, entry.payload) for entry in await unfinished(ledger)] == [(one, "one"), (two, "two, edited")]


async def test_a_turn_that_has_begun_or_ended_and_a_message_that_never_came_are_not_replaced(ledger: Ledger) -> None:
    begun, ended = await accepted(ledger, "c", "begun"), await accepted(ledger, "c", "ended")
    await ledger.begin(begun)
    await ledger.end(ended)
    replaced = [await ledger.replace(*each, "edited") for each in (("c", "begun"), ("c", "ended"), ("other", "begun"))]
    assert replaced == [False, False, False]
    assert [entry.payload for entry in await unfinished(ledger)] == ["x"]


async def test_edits_of_a_message_at_the_same_moment_leave_the_last_one(ledger: Ledger) -> None:
    await accepted(ledger)
    assert all(await asyncio.gather(*(ledger.replace("c", "m", f"edit {n}") for n in range(20))))
    assert [entry.payload for entry in await unfinished(ledger)] == ["edit 19"]


async def signal_steps(ledger: Ledger) -> list[dict[str, str]]:
    return [entry.steps for entry in await unfinished(ledger)]


async def test_a_signal_reaches_the_first_unfinished_turn_before_the_message_that_sends_it(ledger: Ledger) -> None:
    ended, first, second = [await accepted(ledger, "c", f"m{n}") for n in range(3)]
    await accepted(ledger, "other", "m0")
    await ledger.end(ended)
    stop = await ledger.add("c", "stop", "x", signal="stop", hears_signals=False)
    await accepted(ledger, "c", "later")
    found = {entry.number: entry.steps for entry in await unfinished(ledger) if entry.steps}
    assert found == {first: {"signal/0/stop": str(stop)}}
    assert second != first


async def test_a_signal_prefers_the_running_turn_and_passes_over_those_that_hear_none(ledger: Ledger) -> None:
    await ledger.add("c", "help", "x", hears_signals=False)
    waiting, running = await accepted(ledger, "c", "m1"), await accepted(ledger, "c", "m2")
    await ledger.begin(running)
    stop = await ledger.add("c", "stop", "x", signal="stop", hears_signals=False)
    assert await signal_steps(ledger) == [{}, {}, {"signal/0/stop": str(stop)}, {}]
    assert waiting < running


async def test_a_signal_reaches_a_turn_that_is_accepted_at_the_same_moment(ledger: Ledger) -> None:
    long, stop = await asyncio.gather(
        ledger.add("c", "long", "x"), ledger.add("c", "stop", "x", signal="stop", hears_signals=False)
    )
    assert long is not None
    assert await signal_steps(ledger) == [{"signal/0/stop": str(stop)}, {}]


async def test_a_message_that_comes_again_signals_nothing_again(ledger: Ledger) -> None:
    await ledger.add("c", "stop", "x", signal="stop", hears_signals=False)
    await accepted(ledger, "c", "later")
    assert await ledger.add("c", "stop", "x", signal="stop", hears_signals=False) is None
    assert await signal_steps(ledger) == [{}, {}]


async def test_the_first_signal_of_a_name_stays_and_an_ended_turn_hears_nothing(ledger: Ledger) -> None:
    number, ended = await accepted(ledger, "c", "m1"), await accepted(ledger, "c", "m2")
    await ledger.end(ended)
    for value in ("true", "false"):
        await asyncio.gather(ledger.signal(number, "approve", value), ledger.signal(ended, "approve", value))
    await ledger.signal(10**12, "approve", "true")
    assert await signal_steps(ledger) == [{"signal/0/approve": "true"}]


async def test_a_signalled_turn_is_handed_over_again_at_once(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    for kind in ("memory", "sqlite", "postgres"):
        ledger = made_ledger(kind, request, tmp_path)
        adopted = await started(ledger)
        number = await accepted(ledger)
        await ledger.begin(number)
        await ledger.add("c", "stop", "x", signal="stop", hears_signals=False)
        await ledger.signal(number, "approve", "true")
        await until(lambda adopted=adopted: len(adopted[-1].steps) == 2)  # type: ignore[misc]
        assert set(adopted[-1].steps) == {"signal/0/stop", "signal/0/approve"}
        await ledger.stop()


@pytest.mark.parametrize(
    "text", ["", "ä € 😀", "'; DROP TABLE turns; --", '{"a": [1, "\\u0000"]}', "a\nb\tc", "x" * 100_000]
)
async def test_any_text_comes_back_as_it_was(ledger: Ledger, text: str) -> None:
    number = await accepted(ledger, "c " + text[:50], "m " + text[:50], text)
    await ledger.save(number, "step " + text[:50], text)
    [entry] = await unfinished(ledger)
    assert (entry.conversation, entry.id, entry.payload) == ("c " + text[:50], "m " + text[:50], text)
    assert entry.steps == {"step " + text[:50]: text}


async def test_one_refused_value_does_not_harm_the_others_of_its_commit(durable_ledger: Ledger) -> None:
    adds = [durable_ledger.add("c", f"m{n}", "\ud800" if n == 3 else "x") for n in range(6)]
    outcomes = await asyncio.gather(*adds, return_exceptions=True)
    assert [isinstance(outcome, StorageError) for outcome in outcomes] == [n == 3 for n in range(6)]
    assert len(await unfinished(durable_ledger)) == 5


async def test_a_refusal_does_not_quote_what_people_wrote(durable_ledger: Ledger) -> None:
    with pytest.raises(StorageError) as refusal:
        await durable_ledger.add("c", "m", "my secret \ud800")
    assert "secret" not in str(refusal.value)


async def test_a_stopped_ledger_takes_nothing(durable_ledger: Ledger) -> None:
    await durable_ledger.stop()
    with pytest.raises(StorageError):
        await durable_ledger.add("c", "m", "x")


async def test_a_ledger_that_takes_messages_says_so_and_changes_nothing(ledger: Ledger) -> None:
    await ledger.check()
    assert await unfinished(ledger) == []


async def test_a_stopped_ledger_does_not_say_that_it_takes_messages(durable_ledger: Ledger) -> None:
    await durable_ledger.stop()
    with pytest.raises(StorageError):
        await durable_ledger.check()
