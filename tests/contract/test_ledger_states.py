"""Any sequence of writes, restarts, crashes and lost sessions: the ledger holds what a dict holds."""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
import tempfile
from abc import abstractmethod
from collections.abc import Awaitable, Coroutine, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from bot.ports import Ledger, LedgerEntry, Timelines
from bot.turn_record import ANSWERED, GIVEN_UP, REJECTED, Outcome
from storage.ledger_postgres import PostgresLedger
from storage.ledger_sqlite import SqliteLedger
from storage.postgres import PostgresSession
from storage.sqlite import SqliteFile
from storage.timelines_postgres import PostgresTimelines
from storage.timelines_sqlite import SqliteTimelines
from tests.support.ledger_fixtures import started
from tests.support.postgres_server import PostgresServer
from tests.support.waiting import until

T = TypeVar("T")

MANY = settings(max_examples=200, stateful_step_count=50, suppress_health_check=list(HealthCheck))
TEXT = st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]), max_size=20)
MESSAGE = st.tuples(st.sampled_from("abc"), st.sampled_from("123456789"), TEXT)
STEP = st.sampled_from(["run/0/thread_1", "part/0", "part/1"])
OUTCOME = st.sampled_from([ANSWERED, REJECTED, GIVEN_UP])
MAX_LIVES = 3  # each takes as long as dozens of writes
EXAMPLES = itertools.count()


class LedgerStates(RuleBasedStateMachine):
    """The dict: what was said, and what became of it."""

    def __init__(self) -> None:
        super().__init__()
        self.example = next(EXAMPLES)
        self.runner = asyncio.Runner()
        self.unfinished: dict[int, LedgerEntry] = {}
        self.ended: dict[int, tuple[LedgerEntry, Outcome]] = {}
        self.known: set[tuple[str, str]] = set()
        self.deaf: set[int] = set()  # turns that hear no signals
        self.in_hand: set[int] = set()  # begun in this life
        self.lives = 1
        self.ledger, self.timelines = self.made()
        self.adopted = self.run(started(self.ledger))

    @abstractmethod
    def made(self) -> tuple[Ledger, Timelines]:
        """A ledger and its reader that find what the one before it left."""

    @abstractmethod
    async def crash(self) -> None:
        """Have the ledger find what is on disk, without having stopped."""

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    @initialize()
    def begins_empty(self) -> None:
        assert self.adopted == []

    @rule(messages=st.lists(MESSAGE, min_size=1, max_size=5))
    def accept(self, messages: list[tuple[str, str, str]]) -> None:
        """At the same moment, perhaps the same one twice."""
        named = [(f"{self.example} {where}", f"{self.example} {which}", payload) for where, which, payload in messages]
        numbers = self.run(together(*(self.ledger.add(*message) for message in named)))
        for (conversation, message_id, payload), number in zip(named, numbers, strict=True):
            assert (number is None) == ((conversation, message_id) in self.known)
            if number is not None:
                assert number not in self.unfinished
                self.known.add((conversation, message_id))
                self.unfinished[number] = LedgerEntry(
                    number=number, conversation=conversation, id=message_id, payload=payload, steps={}
                )

    @rule(message=MESSAGE)
    def stop(self, message: tuple[str, str, str]) -> None:
        """A message that signals the turn before it."""
        conversation, message_id = f"{self.example} {message[0]}", f"{self.example} {message[1]}"
        number = self.run(self.ledger.add(conversation, message_id, message[2], signal="stop", hears_signals=False))
        assert (number is None) == ((conversation, message_id) in self.known)
        if number is None:
            return
        before = [entry for entry in self.unfinished.values() if entry.conversation == conversation]
        before = [entry for entry in before if entry.number not in self.deaf]
        if before:
            heard_by = min(before, key=lambda entry: (entry.attempts == 0, entry.number))
            self.put(heard_by, steps={"signal/0/stop": str(number), **heard_by.steps})
        self.known.add((conversation, message_id))
        self.deaf.add(number)
        self.unfinished[number] = LedgerEntry(
            number=number, conversation=conversation, id=message_id, payload=message[2], steps={}
        )

    @precondition(lambda self: self.unfinished or self.ended)
    @rule(data=st.data(), value=TEXT)
    def signal(self, data: st.DataObject, value: str) -> None:
        number = data.draw(st.sampled_from(sorted([*self.unfinished, *self.ended])))
        self.run(self.ledger.signal(number, "approve", value))
        if number in self.unfinished:
            entry = self.unfinished[number]
            self.put(entry, steps={"signal/0/approve": value, **entry.steps})

    @rule(message=MESSAGE)
    def replace(self, message: tuple[str, str, str]) -> None:
        """Only while it waits."""
        conversation, message_id = f"{self.example} {message[0]}", f"{self.example} {message[1]}"
        said = [each for each in self.unfinished.values() if (each.conversation, each.id) == (conversation, message_id)]
        replaced = self.run(self.ledger.replace(conversation, message_id, message[2]))
        assert replaced == any(entry.attempts == 0 for entry in said)
        if replaced:
            self.put(said[0], payload=message[2])

    @precondition(lambda self: self.unfinished)
    @rule(data=st.data())
    def begin(self, data: st.DataObject) -> None:
        entry = self.drawn(data)
        self.run(self.ledger.begin(entry.number))
        self.in_hand.add(entry.number)
        self.put(entry, attempts=entry.attempts + 1)

    @precondition(lambda self: self.in_hand & set(self.unfinished))
    @rule(data=st.data())
    def uncount(self, data: st.DataObject) -> None:
        entry = self.unfinished[data.draw(st.sampled_from(sorted(self.in_hand & set(self.unfinished))))]
        self.run(self.ledger.uncount_attempt(entry.number))
        self.put(entry, uncounted_attempts=entry.uncounted_attempts + 1)

    @precondition(lambda self: self.unfinished)
    @rule(data=st.data(), step=STEP, result=TEXT)
    def save(self, data: st.DataObject, step: str, result: str) -> None:
        entry = self.drawn(data)
        self.run(self.ledger.save(entry.number, step, result))
        self.put(entry, steps={**entry.steps, step: result})

    @precondition(lambda self: self.unfinished)
    @rule(data=st.data(), outcome=OUTCOME)
    def end(self, data: st.DataObject, outcome: Outcome) -> None:
        entry = self.drawn(data)
        self.run(self.ledger.end(entry.number, outcome))
        self.ended[entry.number] = (entry, outcome)
        del self.unfinished[entry.number]

    @precondition(lambda self: self.ended)
    @rule(data=st.data())
    def explain(self, data: st.DataObject) -> None:
        """What is known of a turn that has ended, in this life or an earlier one."""
        entry, outcome = self.ended[data.draw(st.sampled_from(sorted(self.ended)))]
        line = self.run(self.timelines.timeline(entry.number))
        assert line is not None
        assert (line.message_id, line.attempts, line.outcome) == (entry.id, entry.attempts, outcome)
        assert {step.name for step in line.steps} == set(entry.steps)
        assert line.ended_at_s is not None

    @precondition(lambda self: len(self.unfinished) > 1)
    @rule(result=TEXT)
    def work_on_all_at_once(self, result: str) -> None:
        """One ends, one begins, the others save, and one more is accepted: one commit."""
        ended, begun, *others = sorted(self.unfinished)
        saves = [self.ledger.save(number, "run/0/thread_1", result) for number in others]
        self.run(together(self.ledger.end(ended), self.ledger.begin(begun), *saves))
        self.ended[ended] = (self.unfinished.pop(ended), ANSWERED)
        self.in_hand.add(begun)
        self.put(self.unfinished[begun], attempts=self.unfinished[begun].attempts + 1)
        for number in others:
            self.put(self.unfinished[number], steps={**self.unfinished[number].steps, "run/0/thread_1": result})

    @precondition(lambda self: self.lives < MAX_LIVES)
    @rule()
    def restart(self) -> None:
        self.lives += 1
        self.run(self.ledger.stop())
        self.in_hand.clear()
        self.adopted = self.run(started(self.ledger))
        self.compare()

    @precondition(lambda self: self.lives < MAX_LIVES)
    @rule()
    def lose_everything_but_the_disk(self) -> None:
        self.lives += 1
        self.run(self.crash())
        self.in_hand.clear()
        self.compare()

    @invariant()
    def is_owned(self) -> None:
        assert self.ledger.owns(f"{self.example} a")

    def teardown(self) -> None:
        self.run(together(*(self.ledger.end(number) for number in self.unfinished)))  # the next example begins empty
        self.run(self.ledger.stop())
        self.runner.close()

    def compare(self) -> None:
        assert list(self.adopted) == [self.unfinished[number] for number in sorted(self.unfinished)]

    def drawn(self, data: st.DataObject) -> LedgerEntry:
        return self.unfinished[data.draw(st.sampled_from(sorted(self.unfinished)))]

    def put(self, old: LedgerEntry, **changes: Any) -> None:
        self.unfinished[old.number] = replace(old, **changes)


async def together(*works: Awaitable[T]) -> list[T]:
    return await asyncio.gather(*works)


@pytest.fixture
def memory_folder(tmp_path: Path) -> Iterator[Path]:
    """Not on a disk, where the machine has such a folder: thousands of syncs would prove nothing more here."""
    shared_memory = Path("/dev/shm")  # noqa: S108 - the folder made in it is this test's alone
    with tempfile.TemporaryDirectory(dir=shared_memory if os.access(shared_memory, os.W_OK) else tmp_path) as folder:
        yield Path(folder)


@pytest.mark.timeout(300)
def test_a_sqlite_ledger_holds_what_a_dict_holds(memory_folder: Path) -> None:
    class Sqlite(LedgerStates):
        def made(self) -> tuple[Ledger, Timelines]:
            self.path = memory_folder / f"{self.example}-{self.lives}.sqlite"
            file = SqliteFile(self.path)
            return SqliteLedger(file), SqliteTimelines(file)

        async def crash(self) -> None:
            """What lies on the disk while the process runs is what a SIGKILL leaves."""
            old, ledger = self.path, self.ledger
            self.ledger, self.timelines = self.made()
            for end in ("", "-wal", ".mark"):
                shutil.copy(f"{old}{end}", f"{self.path}{end}")
            await ledger.stop()
            self.adopted = await started(self.ledger)

        def teardown(self) -> None:
            super().teardown()
            for file in memory_folder.iterdir():
                file.unlink()

    run_state_machine_as_test(Sqlite, settings=MANY)


@pytest.mark.timeout(300)
def test_a_postgres_ledger_holds_what_a_dict_holds(postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storage.postgres._PAUSES_S", (0.01,))
    url = postgres.url(postgres.new_database())

    class Postgres(LedgerStates):
        def made(self) -> tuple[Ledger, Timelines]:
            session = PostgresSession(url)
            return PostgresLedger(session), PostgresTimelines(session)

        async def crash(self) -> None:
            """The session is gone from one moment to the next, by no fault of the turns in hand; another finds all."""
            drops = self.adopted.drops
            bystander = await asyncpg.connect(url)
            await bystander.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                "WHERE application_name = 'teamsbot' AND datname = current_database()"
            )
            await bystander.close()
            await until(lambda: self.adopted.drops > drops and self.ledger.owns(""))
            for number in self.in_hand & set(self.unfinished):
                entry = self.unfinished[number]
                self.put(entry, uncounted_attempts=entry.uncounted_attempts + 1)

    run_state_machine_as_test(Postgres, settings=MANY)
