"""What holds for the ledger in a file: who may have it, what became of it, what is left in it."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import shutil
import sqlite3
from pathlib import Path

import pytest

from bot.errors import StorageError, StorageInUseError
from storage.ledger_sqlite import SqliteLedger
from storage.migrations import scripts
from storage.sqlite import SqliteFile, migrate, network_disk
from tests.support.ledger_fixtures import accepted, started, unfinished


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "l.sqlite"


def holds(path: Path, text: bytes) -> bool:
    return text in path.read_bytes()


async def test_a_done_turn_leaves_no_word_of_the_person_in_the_file(path: Path) -> None:
    ledger = SqliteLedger(SqliteFile(path))
    await started(ledger)
    number = await accepted(ledger, payload="my secret " * 2_000)  # of several pages
    await ledger.save(number, "reply", '"my secret too"')
    await unfinished(ledger)
    assert holds(path, b"my secret")
    await ledger.end(number)
    await ledger.stop()
    assert not holds(path, b"my secret")


async def test_a_message_is_forgotten_a_week_after_it_was_answered(path: Path) -> None:
    now = [0.0]
    ledger = SqliteLedger(SqliteFile(path), clock=lambda: now[0])
    await started(ledger)
    await ledger.end(await accepted(ledger))
    now[0] = 6 * 86_400
    await unfinished(ledger)
    assert await ledger.add("c", "m", "x") is None
    now[0] = 8 * 86_400
    await unfinished(ledger)
    assert await ledger.add("c", "m", "x") is not None
    await ledger.stop()


async def test_old_ids_go_while_the_process_runs_for_months(path: Path) -> None:
    now = [0.0]
    ledger = SqliteLedger(SqliteFile(path), clock=lambda: now[0])
    await started(ledger)
    for n in range(6):
        await ledger.end(await accepted(ledger, message_id=f"old {n}"))
    now[0] = 8 * 86_400
    for n in range(3):
        await ledger.end(await accepted(ledger, message_id=f"new {n}"))
    await ledger.stop()
    with sqlite3.connect(path) as db:
        kept = {message_id for [message_id] in db.execute("SELECT message_id FROM turns")}
    db.close()
    assert kept == {"new 0", "new 1", "new 2"}


def hold(path: Path, ready: multiprocessing.synchronize.Event, end: multiprocessing.synchronize.Event) -> None:
    async def main() -> None:
        file = SqliteFile(path)
        await file.open()
        ready.set()
        await asyncio.to_thread(end.wait, 20)

    asyncio.run(main())


async def test_a_second_process_is_told_soon_that_the_file_is_in_use(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.sqlite._LOCK_WAIT_S", 0.1)
    context = multiprocessing.get_context("spawn")
    ready, end = context.Event(), context.Event()
    holder = context.Process(target=hold, args=(path, ready, end))
    holder.start()
    try:
        assert await asyncio.to_thread(ready.wait, 20)
        async with asyncio.timeout(4):  # sqlite3 itself would wait for 5 s
            with pytest.raises(StorageInUseError):
                await SqliteFile(path).open()
    finally:
        end.set()
        await asyncio.to_thread(holder.join, 20)


async def test_a_file_of_a_newer_version_is_refused(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 999")
    db.close()
    with pytest.raises(StorageError, match="newer version"):
        await SqliteFile(path).open()


async def test_a_file_of_the_first_version_is_copied_and_then_brought_up_to_date(path: Path) -> None:
    with sqlite3.connect(path) as db:
        migrate(db, path, scripts("sqlite")[:1])
        db.execute("INSERT INTO turns VALUES (7, 'c', 'm', 'asked of the old version', 1, 0, NULL)")
        db.execute("INSERT INTO steps VALUES (7, 'run', '\"run_1\"')")
    db.close()
    ledger = SqliteLedger(SqliteFile(path))
    [entry] = await started(ledger)
    await ledger.stop()
    assert (entry.number, entry.payload, entry.attempts, entry.steps) == (
        7, "asked of the old version", 1, {"run": '"run_1"'},
    )  # fmt: skip
    backup = path.with_name("l.sqlite.v1.backup")
    assert backup.stat().st_mode & 0o777 == 0o600
    with sqlite3.connect(backup) as old:
        assert old.execute("PRAGMA user_version").fetchone() == (1,)
        assert old.execute("SELECT payload FROM turns").fetchall() == [("asked of the old version",)]
    old.close()


async def test_a_migration_that_fails_leaves_the_file_as_it_was(path: Path) -> None:
    with sqlite3.connect(path, isolation_level=None) as db:
        migrate(db, path, ["CREATE TABLE a (b);"])
        with pytest.raises(sqlite3.Error):
            migrate(db, path, ["CREATE TABLE a (b);", "CREATE TABLE c (d); CREATE TABLE a (twice);"])
        db.rollback()
        assert db.execute("PRAGMA user_version").fetchone() == (1,)
        assert db.execute("SELECT name FROM sqlite_schema").fetchall() == [("a",)]
    db.close()


def test_a_file_that_is_no_database_is_refused(path: Path) -> None:
    path.write_bytes(b"this is no database, however hard one looks" * 100)
    with pytest.raises(StorageError, match="damaged"):
        asyncio.run(SqliteFile(path).open())


def test_a_path_that_is_no_file_is_refused(path: Path) -> None:
    path.mkdir()
    with pytest.raises(StorageError, match="cannot be used"):
        asyncio.run(SqliteFile(path).open())


def copied_files(path: Path, folder: Path) -> Path:
    folder.mkdir()
    for file in path.parent.glob("l.sqlite*"):
        shutil.copy(file, folder)
    return folder / path.name


@pytest.fixture
async def killed(path: Path, tmp_path: Path) -> Path:
    """The files as a SIGKILL leaves them after a hundred messages were acknowledged."""
    ledger = SqliteLedger(SqliteFile(path))
    await started(ledger)
    for n in range(100):
        await accepted(ledger, message_id=f"m{n}", payload="x" * 200)
    copied = copied_files(path, tmp_path / "killed")
    await ledger.stop()
    return copied


async def test_after_a_kill_everything_acknowledged_is_there(killed: Path) -> None:
    assert killed.with_name("l.sqlite-wal").stat().st_size > 0
    ledger = SqliteLedger(SqliteFile(killed))
    assert len(await started(ledger)) == 100
    await ledger.stop()


@pytest.mark.parametrize("part", [0.0, 0.01, 0.5, 0.9, 0.999])
async def test_a_log_that_was_cut_after_a_kill_is_not_taken_for_the_whole(killed: Path, part: float) -> None:
    log = killed.with_name("l.sqlite-wal")
    with log.open("r+b") as file:
        file.truncate(int(log.stat().st_size * part))
    with pytest.raises(StorageError, match=r"commits of .* are missing"):
        await SqliteFile(killed).open()


@pytest.mark.parametrize("part", [0.0, 0.01, 0.5, 0.9, 0.999])
async def test_a_log_in_which_a_bit_was_flipped_is_not_taken_for_the_whole(killed: Path, part: float) -> None:
    log = killed.with_name("l.sqlite-wal")
    with log.open("r+b") as file:
        place = int(log.stat().st_size * part)
        file.seek(place)
        [byte] = file.read(1)
        file.seek(place)
        file.write(bytes([byte ^ 0x10]))
    with pytest.raises(StorageError, match="missing"):
        await SqliteFile(killed).open()


async def test_a_log_that_is_gone_is_missed_until_a_person_says_to_go_on(killed: Path) -> None:
    killed.with_name("l.sqlite-wal").unlink()
    for _ in range(2):
        with pytest.raises(StorageError, match=r"remove l\.sqlite\.mark"):
            await SqliteFile(killed).open()
    killed.with_name("l.sqlite.mark").unlink()
    ledger = SqliteLedger(SqliteFile(killed))
    await started(ledger)
    await accepted(ledger, message_id="new")
    await ledger.stop()


async def test_an_older_copy_put_back_is_noticed(path: Path, tmp_path: Path) -> None:
    ledger = SqliteLedger(SqliteFile(path))
    await started(ledger)
    await accepted(ledger, message_id="m1")
    await ledger.stop()
    shutil.copy(path, tmp_path / "older")
    await started(ledger)
    await accepted(ledger, message_id="m2")
    await ledger.stop()
    shutil.copy(tmp_path / "older", path)
    with pytest.raises(StorageError, match="the last 1 commits"):
        await SqliteFile(path).open()


async def test_a_mark_that_never_reached_the_disk_is_no_obstacle(path: Path) -> None:
    ledger = SqliteLedger(SqliteFile(path))
    await started(ledger)
    await accepted(ledger)
    await ledger.stop()
    path.with_name("l.sqlite.mark").write_bytes(b"")
    assert len(await started(ledger)) == 1
    await ledger.stop()


async def test_a_page_of_garbage_in_the_file_is_refused_with_what_to_do(path: Path) -> None:
    ledger = SqliteLedger(SqliteFile(path))
    await started(ledger)
    for n in range(200):
        await ledger.end(await accepted(ledger, message_id=f"m{n}" * 50))
    await ledger.stop()
    with path.open("r+b") as file:
        file.seek(-4096, os.SEEK_END)
        file.write(b"\x5a" * 4096)
    with pytest.raises(StorageError, match="put a copy"):
        await SqliteFile(path).open()


async def test_a_full_disk_refuses_what_waits_and_harms_nothing(path: Path) -> None:
    file = SqliteFile(path)
    ledger = SqliteLedger(file)
    await started(ledger)
    await accepted(ledger, message_id="before")
    await file.run(lambda db: db.execute("PRAGMA max_page_count = 1").fetchone())  # the least that is in use
    adds = (ledger.add("c", f"m{n}", "x" * 5_000) for n in range(20))
    assert all(isinstance(outcome, StorageError) for outcome in await asyncio.gather(*adds, return_exceptions=True))
    await file.run(lambda db: db.execute("PRAGMA max_page_count = 1000000").fetchone())
    await accepted(ledger, message_id="after")
    assert [entry.id for entry in await unfinished(ledger)] == ["before", "after"]
    await ledger.stop()


MOUNTS = """\
21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 21 0:40 / /mnt/share rw,relatime shared:5 master:2 - nfs4 server:/x rw,vers=4.2
31 21 0:41 / /mnt/my\\040disk rw - cifs //server/x rw
32 30 0:42 / /mnt/share/local rw - xfs /dev/sdb rw
33 21 0:43 / /mnt/blob rw - fuse.blobfuse2 blob rw
34 21 0:44 / /mnt/twice rw - nfs server:/y rw
35 21 0:45 / /mnt/twice rw - ext4 /dev/sdc rw
"""


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/var/lib", None),
        ("/mnt/share", "nfs4"),
        ("/mnt/share/deep/er", "nfs4"),
        ("/mnt/sharedelse", None),
        ("/mnt/share/local/x", None),
        ("/mnt/my disk/x", "cifs"),
        ("/mnt/blob", "fuse.blobfuse2"),
        ("/mnt/twice/x", None),
    ],
)
def test_a_folder_on_another_machine_is_told_from_a_local_one(folder: str, kind: str | None, tmp_path: Path) -> None:
    (tmp_path / "mountinfo").write_text(MOUNTS)
    assert network_disk(Path(folder), mounts=tmp_path / "mountinfo") == kind


async def test_a_ledger_on_another_machine_is_opened_with_a_warning(
    path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("storage.sqlite.network_disk", lambda _path: "nfs4")
    ledger = SqliteLedger(SqliteFile(path))
    await started(ledger)
    await ledger.stop()
    [warning] = [record for record in caplog.records if "network disk" in record.message]
    assert vars(warning)["disk"] == "nfs4"


def test_without_a_list_of_mounts_nothing_is_claimed(tmp_path: Path) -> None:
    assert network_disk(tmp_path, mounts=tmp_path / "none") is None


@pytest.mark.parametrize("name", ["l.sqlite", "l.sqlite-wal"])
@pytest.mark.parametrize("is_replaced", [True, False])
async def test_a_file_that_was_moved_or_replaced_under_the_running_process_takes_nothing_until_it_is_back(
    path: Path, name: str, is_replaced: bool
) -> None:
    # What an unlinked file takes is acknowledged, and found by no later start.
    ledger = SqliteLedger(SqliteFile(path))
    await started(ledger)
    await ledger.add("c", "1", "{}")
    lost, aside = path.with_name(name), path.with_name("aside")
    lost.rename(aside)
    if is_replaced:
        shutil.copy(aside, lost)
    with pytest.raises(StorageError, match="moved, deleted or replaced"):
        await ledger.add("c", "2", "{}")
    aside.replace(lost)
    assert await ledger.add("c", "2", "{}") is not None
    await ledger.stop()
    assert [entry.id for entry in await started(SqliteLedger(SqliteFile(path)))] == ["1", "2"]
