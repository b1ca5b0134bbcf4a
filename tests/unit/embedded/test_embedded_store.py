from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from adapters.embedded.api_objects import ApiError, RunId, Thread, ThreadId
from adapters.embedded.blob_folder import FileFolder
from adapters.embedded.object_store import Rows, Store, StoreError
from adapters.embedded.run_events import Event, EventBroker, RunJournal


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = await Store.open(tmp_path / "deep" / "assistants.sqlite")
    yield store
    await store.close()


def thread(number: int, size: int = 1) -> Thread:
    return Thread(id=ThreadId(f"thread_{number}"), created_at=0, metadata={"k": "x" * size})


async def test_work_is_done_wholly_or_not_at_all(store: Store) -> None:
    def work(rows: Rows) -> None:
        rows.insert(thread(1))
        raise ApiError("changed my mind")

    with pytest.raises(ApiError, match="changed my mind"):
        await store.transact(work)
    assert await store.transact(lambda rows: rows.all(Thread)) == []


async def test_pieces_of_work_follow_one_another(store: Store) -> None:
    def work(rows: Rows) -> None:
        rows.insert(thread(len(rows.all(Thread))))

    await asyncio.gather(*(store.transact(work) for _ in range(50)))
    assert len(await store.transact(lambda rows: rows.all(Thread))) == 50


async def test_what_a_cancelled_writer_has_stored_is_published_all_the_same(store: Store) -> None:
    events, may_go_on = EventBroker(), threading.Event()
    journal = RunJournal(store=store, events=events)

    def end(rows: Rows, now: int, run_id: RunId) -> list[Event]:
        may_go_on.wait(30)
        return [Event(name="thread.run.completed", data=run_id)]

    with events.subscribe(RunId("run_1")) as subscription:
        writing = asyncio.ensure_future(journal.write(end, RunId("run_1")))
        await asyncio.sleep(0)
        writing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await writing
        may_go_on.set()
        async with asyncio.timeout(30):
            assert [event.name for event in await subscription.get()] == ["thread.run.completed"]


async def test_a_full_disk_is_told_and_what_was_there_stays(store: Store) -> None:
    await store.transact(lambda rows: rows.insert(thread(1)))

    def fill_up(pages: str) -> None:
        store._connection.execute(f"PRAGMA max_page_count = {pages}")

    await asyncio.get_running_loop().run_in_executor(store._thread, fill_up, "1")
    with pytest.raises(StoreError, match="database or disk is full"):
        await store.transact(lambda rows: rows.insert(thread(2, size=100_000)))
    await asyncio.get_running_loop().run_in_executor(store._thread, fill_up, "100000")
    await store.transact(lambda rows: rows.insert(thread(3)))
    assert await store.transact(lambda rows: [item.id for item in rows.all(Thread)]) == ["thread_1", "thread_3"]


async def test_a_stored_object_that_cannot_be_read_is_told_without_its_words(store: Store) -> None:
    await store.transact(lambda rows: rows.insert(thread(1)))
    await store.transact(
        lambda rows: rows._sql.execute('UPDATE objects SET body = \'{"metadata": "secret words"}\'').rowcount
    )
    with pytest.raises(ValueError, match="a stored Thread cannot be read") as raised:
        await store.transact(lambda rows: rows.find(Thread, "thread_1"))
    assert "secret" not in str(raised.value)
    assert raised.value.__suppress_context__


async def test_bytes_that_cannot_be_written_are_told(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file where the folder should be")
    folder = FileFolder(path=tmp_path / "taken", max_bytes=10)
    with pytest.raises(StoreError, match="The file cannot be kept: Not a directory"):
        await folder.keep(b"1")
