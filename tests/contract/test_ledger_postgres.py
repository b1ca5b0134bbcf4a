"""What holds for the ledger of several processes: who works on what, what of it moves when, who is refused."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest

from bot.conversation import ConversationKey, ThreadId
from bot.errors import StorageError
from bot.ports import LedgerEntry
from storage import postgres
from storage.conversations_postgres import PostgresConversations
from storage.ledger_postgres import PostgresLedger, RunningTurns
from storage.partitions import PARTITIONS, partition_of
from storage.postgres import PostgresSession
from storage.postgres_connection import IDLE_S
from tests.support.ledger_fixtures import Adopted, accepted, refused, started, unfinished
from tests.support.postgres_server import PostgresServer
from tests.support.waiting import until

TOO_LONG = "".join(str(n) for n in range(10_000))  # for an index, and hard to compress
CONVERSATIONS = [f"conversation {n}" for n in range(200)]


@dataclass(frozen=True, slots=True)
class Replica:
    ledger: PostgresLedger
    adopted: Adopted
    session: PostgresSession

    async def accept(self, conversation: str, message_id: str) -> None:
        """As the engine does."""
        number = await accepted(self.ledger, conversation, message_id)
        if self.ledger.owns(conversation):
            entry = LedgerEntry(number=number, conversation=conversation, id=message_id, payload="x", steps={})
            self.adopted([entry])

    @property
    def partitions(self) -> int:
        return len({partition_of(each) for each in CONVERSATIONS if self.ledger.owns(each)})

    def owned(self) -> str:
        return next(each for each in CONVERSATIONS if self.ledger.owns(each))


@pytest.fixture
def database(postgres: PostgresServer) -> str:
    return postgres.new_database()


Join = Callable[[], Awaitable[Replica]]


@pytest.fixture
async def join(postgres: PostgresServer, database: str) -> AsyncIterator[Join]:
    """Starts one more replica."""
    replicas: list[Replica] = []

    async def one_more() -> Replica:
        session = PostgresSession(postgres.url(database))
        ledger = PostgresLedger(session)
        replicas.append(Replica(ledger, await started(ledger), session))
        return replicas[-1]

    yield one_more
    for replica in replicas:
        await replica.ledger.stop()


def shared_fairly(*replicas: Replica) -> bool:
    shares = [replica.partitions for replica in replicas]
    return sum(shares) == PARTITIONS and max(shares) <= -(-PARTITIONS // len(shares))


def test_two_hundred_conversations_reach_every_partition() -> None:
    assert len({partition_of(each) for each in CONVERSATIONS}) == PARTITIONS


@pytest.mark.parametrize(("conversation", "partition"), [("", 0), ("a", 3), ("19:x@thread.tacv2", 22), ("ä", 3)])
def test_a_conversations_partition_never_changes(conversation: str, partition: int) -> None:
    assert partition_of(conversation) == partition


async def test_replicas_share_the_conversations_fairly_as_they_come_and_go(join: Join) -> None:
    one = await join()
    assert one.partitions == PARTITIONS
    two = await join()
    await until(lambda: shared_fairly(one, two))
    three = await join()
    await until(lambda: shared_fairly(one, two, three))
    assert not any(sum(each.ledger.owns(c) for each in (one, two, three)) > 1 for c in CONVERSATIONS)
    await one.ledger.stop()
    await until(lambda: shared_fairly(two, three))


async def without_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    """What happens from now on within half a minute was told by the database, and not found by looking again."""
    seconds = postgres.POLL_S
    monkeypatch.setattr(postgres, "POLL_S", 60.0)
    await asyncio.sleep(1.1 * seconds)  # the looks that were due


async def test_a_message_accepted_anywhere_reaches_the_owner_of_its_conversation(
    join: Join, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = await join(), await join()
    await until(lambda: shared_fairly(one, two))
    await without_polls(monkeypatch)
    number = await accepted(one.ledger, two.owned(), "m1", "hello")
    await until(lambda: two.adopted.ids == ["m1"])
    assert two.adopted[0].number == number
    assert two.adopted[0].payload == "hello"
    assert one.adopted == []
    assert await two.ledger.add(two.owned(), "m1", "hello") is None


async def test_a_message_accepted_elsewhere_is_not_overtaken_by_the_next_one_accepted_by_the_owner(join: Join) -> None:
    one, two = await join(), await join()
    await until(lambda: shared_fairly(one, two))
    mine = [conversation for conversation in CONVERSATIONS if two.ledger.owns(conversation)]

    async def talk(conversation: str) -> None:
        for n in range(10):
            await (one if n % 2 == 0 else two).accept(conversation, f"{conversation} m{n}")

    await asyncio.gather(*(talk(conversation) for conversation in mine))
    await until(lambda: len(two.adopted) == 10 * len(mine))
    for conversation in mine:
        heard = [entry.id for entry in two.adopted if entry.conversation == conversation]
        assert heard == [f"{conversation} m{n}" for n in range(10)]


async def test_news_that_cannot_be_read_are_found_by_the_next_session(
    join: Join, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = await join(), await join()
    await until(lambda: shared_fairly(one, two))
    monkeypatch.setattr("storage.ledger_postgres._OF_NUMBERS", "SELECT 1 / 0, $1::bigint[]")
    await accepted(one.ledger, two.owned(), "m1")
    await until(lambda: "m1" in one.adopted.ids + two.adopted.ids)
    assert two.adopted.drops == 1


async def test_what_a_polite_replica_leaves_goes_on_at_another_at_once(
    join: Join, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = await join(), await join()
    await until(lambda: shared_fairly(one, two))
    await without_polls(monkeypatch)
    number = await accepted(one.ledger, one.owned(), "m1")
    await one.ledger.begin(number)
    await one.ledger.save(number, "run", '"run_1"')
    await one.ledger.stop()
    await until(lambda: two.adopted.ids == ["m1"])
    assert (two.adopted[0].attempts, two.adopted[0].steps) == (1, {"run": '"run_1"'})


async def test_a_conversation_with_a_turn_in_hand_moves_only_when_the_turn_has_ended(join: Join) -> None:
    one = await join()
    in_hand = {conversation: await accepted(one.ledger, conversation, "m1") for conversation in CONVERSATIONS}
    for number in in_hand.values():
        await one.ledger.begin(number)
    two = await join()
    await until(lambda: one.partitions == PARTITIONS // 2)
    await asyncio.sleep(0.1)
    assert two.partitions == 0
    leaving = [conversation for conversation in CONVERSATIONS if not one.ledger.owns(conversation)]
    partition = partition_of(leaving[0])
    for conversation in leaving:
        if partition_of(conversation) == partition:
            await one.ledger.end(in_hand[conversation])
    await until(lambda: two.ledger.owns(leaving[0]))
    assert two.partitions == 1
    assert two.adopted == []


async def test_a_running_turn_hears_a_signal_from_another_replica_also_while_its_conversation_moves_away(
    join: Join, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = await join()
    number = await accepted(one.ledger, "c", "long")
    await one.ledger.begin(number)
    in_hand = {conversation: await accepted(one.ledger, conversation, "m1") for conversation in CONVERSATIONS}
    for other in in_hand.values():
        await one.ledger.begin(other)
    two = await join()
    await until(lambda: one.partitions == PARTITIONS // 2)
    moving = next(conversation for conversation in CONVERSATIONS if not one.ledger.owns(conversation))
    await without_polls(monkeypatch)
    for conversation in ("c", moving):
        await two.ledger.add(conversation, "stop", "x", signal="stop", hears_signals=False)
        await until(lambda where=conversation: heard_a_stop(one.adopted, where))  # type: ignore[misc]


def heard_a_stop(adopted: Adopted, conversation: str) -> bool:
    return any("signal/0/stop" in entry.steps for entry in adopted if entry.conversation == conversation)


async def test_signals_to_turns_that_ended_meanwhile_leave_nothing_behind(
    join: Join, postgres: PostgresServer, database: str
) -> None:
    one = await join()
    postgres.sql(database, "INSERT INTO teamsbot.steps VALUES (64, 'signal/0/stop', '128')")
    await one.ledger.stop()
    await join()
    assert postgres.sql(database, "SELECT * FROM teamsbot.steps") == []


async def test_the_final_owner_of_a_conversation_has_all_its_messages_however_it_moved(join: Join) -> None:
    one, two = await join(), await join()
    ids = {f"m{n}": conversation for n, conversation in enumerate(CONVERSATIONS * 3)}
    sides = itertools.cycle((one, two))
    accepts = [side.accept(where, message_id) for side, (message_id, where) in zip(sides, ids.items(), strict=False)]
    await asyncio.gather(*accepts)  # while the shares settle
    await until(lambda: shared_fairly(one, two))
    for message_id, conversation in ids.items():
        owner = one if one.ledger.owns(conversation) else two
        await until(lambda owner=owner, wanted=message_id: wanted in owner.adopted.ids)  # type: ignore[misc]


async def test_a_lost_session_drops_every_turn_before_the_next_one_adopts(
    join: Join, postgres: PostgresServer, database: str
) -> None:
    one = await join()
    number = await accepted(one.ledger, "c", "m1")
    await one.ledger.begin(number)
    owned_at_drop: list[bool] = []
    one.adopted.on_drop = lambda: owned_at_drop.append(one.ledger.owns("c"))
    end_all_sessions(postgres, database)
    await until(lambda: one.adopted.ids == ["m1"])
    assert owned_at_drop == [False]
    assert one.adopted[0].attempts == 1
    assert await one.ledger.add("c", "m1", "x") is None


async def test_a_lost_session_does_not_count_as_an_attempt_of_the_running_turns(
    join: Join, postgres: PostgresServer, database: str
) -> None:
    one = await join()
    await one.accept("c", "m1")
    await accepted(one.ledger, "c", "m2")
    for lost in range(1, 4):
        await one.ledger.begin(one.adopted[0].number)
        end_all_sessions(postgres, database)
        await until(lambda lost=lost: one.adopted.drops == lost and one.adopted.ids == ["m1", "m2"])  # type: ignore[misc]
    begun, waiting = one.adopted
    assert (begun.attempts, begun.uncounted_attempts, begun.steps) == (3, 3, {})
    assert (waiting.attempts, waiting.uncounted_attempts, waiting.steps) == (0, 0, {})


def test_a_process_that_was_silent_until_its_session_ended_uncounts_no_attempt() -> None:
    running = RunningTurns()
    running.started(1)
    running.session_ended(silent_s=IDLE_S + 1)
    assert running.cut_off == set()
    running.started(2)
    running.session_ended(silent_s=1)
    assert running.cut_off == {2}


async def test_what_waits_when_the_session_is_lost_is_refused_and_not_kept_for_later(
    join: Join, postgres: PostgresServer, database: str
) -> None:
    one = await join()
    adds = [asyncio.create_task(accepted(one.ledger, "c", f"m{n}")) for n in range(500)]
    await asyncio.to_thread(end_all_sessions, postgres, database)
    outcomes = await asyncio.gather(*adds, return_exceptions=True)
    assert all(isinstance(outcome, int | StorageError) for outcome in outcomes)
    numbers = {outcome for outcome in outcomes if isinstance(outcome, int)}
    await until(lambda: one.partitions == PARTITIONS)
    assert numbers <= {entry.number for entry in await unfinished(one.ledger)}


async def test_a_frozen_answer_is_not_trusted(join: Join, monkeypatch: pytest.MonkeyPatch) -> None:
    one = await join()
    monkeypatch.setattr("storage.postgres_connection._COMMAND_S", -2.0)  # as if any answer took too long
    assert "ended" in await refused(one.ledger.add("c", "m1", "x"), StorageError)
    monkeypatch.undo()
    await until(lambda: one.adopted.drops == 1 and one.partitions == PARTITIONS)


async def test_a_message_is_forgotten_a_week_after_it_was_accepted(
    join: Join, postgres: PostgresServer, database: str
) -> None:
    one = await join()
    for n in range(4):
        await one.ledger.end(await accepted(one.ledger, "c", f"old {n}"))
    postgres.sql(database, "UPDATE teamsbot.messages SET accepted_at = now() - interval '8 days'")
    postgres.sql(
        database, "UPDATE teamsbot.messages SET accepted_at = now() - interval '6 days' WHERE message_id = 'old 3'"
    )
    for n in range(3):
        await one.ledger.end(await accepted(one.ledger, "c", f"new {n}"))
    kept = postgres.sql(database, "SELECT message_id FROM teamsbot.messages ORDER BY number")
    assert kept == [["old 3"], ["new 0"], ["new 1"], ["new 2"]]


async def test_a_done_turn_leaves_no_word_of_the_person_in_the_tables(
    join: Join, postgres: PostgresServer, database: str
) -> None:
    one = await join()
    number = await accepted(one.ledger, "c", "m1", "my secret")
    await one.ledger.save(number, "reply", '"my secret too"')
    await one.ledger.end(number)
    assert postgres.sql(database, "SELECT message_id FROM teamsbot.messages") == [["m1"]]
    assert postgres.sql(database, "SELECT * FROM teamsbot.turns") == []
    assert postgres.sql(database, "SELECT * FROM teamsbot.steps") == []


@pytest.mark.parametrize("hostile", ["a\0b", "\ud800", TOO_LONG], ids=["NUL", "surrogate", "long"])
async def test_an_id_that_cannot_be_stored_does_not_harm_what_waits_with_it(join: Join, hostile: str) -> None:
    one = await join()
    ids = [hostile if n % 7 == 3 else f"m{n}" for n in range(20)]
    outcomes = await asyncio.gather(*(one.ledger.add("c", id, "x") for id in ids), return_exceptions=True)  # noqa: A001
    assert [isinstance(outcome, StorageError) for outcome in outcomes] == [each == hostile for each in ids]
    assert one.adopted.drops == 0


async def test_replicas_share_the_threads_of_conversations(join: Join) -> None:
    one, two = await join(), await join()
    key = ConversationKey(channel="msteams", tenant="t", conversation="c")
    await PostgresConversations(one.session, backend="embedded").remember(key, ThreadId("thread_1"))
    assert await PostgresConversations(two.session, backend="embedded").thread_of(key) == "thread_1"
    assert await PostgresConversations(two.session, backend="assistants").thread_of(key) is None


async def test_replicas_that_start_at_once_make_the_tables_once(join: Join) -> None:
    replicas = await asyncio.gather(*(join() for _ in range(5)))
    await until(lambda: shared_fairly(*replicas))


def end_all_sessions(postgres: PostgresServer, database: str) -> None:
    postgres.sql(database, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'teamsbot'")


@pytest.mark.parametrize("table", ["messages", "turns", "steps"])
async def test_a_role_that_may_read_and_not_write_is_found_out_before_a_message_comes(
    postgres: PostgresServer, table: str
) -> None:
    database = postgres.new_database()
    role = f"bot_of_{database}"
    postgres.sql(database, f"CREATE ROLE {role} LOGIN")
    postgres.sql(database, f"GRANT CREATE ON DATABASE {database} TO {role}")
    url = urlsplit(postgres.url(database))
    ledger = PostgresLedger(PostgresSession(url._replace(netloc=f"{role}@{url.hostname}:{url.port}").geturl()))
    await started(ledger)
    await ledger.check()
    postgres.sql(database, f"REVOKE INSERT ON teamsbot.{table} FROM {role}")
    with pytest.raises(StorageError, match="permission denied"):
        await ledger.check()
    postgres.sql(database, f"GRANT INSERT ON teamsbot.{table} TO {role}")
    await ledger.check()
    await ledger.stop()
