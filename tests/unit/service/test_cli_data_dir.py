from __future__ import annotations

import errno
import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path

import pytest

from bot.conversation import ConversationKey
from bot.errors import BotError, StorageError
from httpkit.atomic_write import write_atomically
from service.data_dir import kept_key, prepare_data_dir, room_hint
from service.last_request import address_noted
from service.listen_socket import take_port
from service.settings.parsers import Secret
from service.turn_lookup import serve_timelines
from storage.file_tokens import FileTokens
from storage.files_folder import FolderFiles
from storage.sqlite import SqliteFile
from storage.timelines_sqlite import SqliteTimelines

_NOBODY = 65_534


@contextmanager
def plain_user() -> Iterator[None]:
    """As a user without rights, also when root runs the tests."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(_NOBODY)
    try:
        yield
    finally:
        os.seteuid(before)


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """A folder in which nothing can be made or removed."""
    folder.chmod(0o500)
    try:
        with plain_user():
            yield
    finally:
        folder.chmod(0o700)


def names(folder: Path) -> frozenset[str]:
    return frozenset(path.name for path in folder.iterdir())


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_folder_and_an_empty_one_are_closed_to_other_users(tmp_path: Path) -> None:
    assert mode(prepare_data_dir(tmp_path / "deep" / "new")) == 0o700
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty").chmod(0o777)
    assert mode(prepare_data_dir(tmp_path / "empty")) == 0o700


def test_a_link_that_leads_nowhere_is_told_with_its_target(tmp_path: Path) -> None:
    (tmp_path / "data").symlink_to(tmp_path / "not mounted")
    with pytest.raises(StorageError, match=r"is a link to .*not mounted"):
        prepare_data_dir(tmp_path / "data")


def test_an_address_that_this_machine_does_not_have_is_no_question_of_the_port() -> None:
    with pytest.raises(BotError, match=r"HOST 192\.0\.2\.1 is not an address of this machine"):
        take_port("192.0.2.1", 0)


def test_a_folder_from_an_earlier_start_is_taken_as_it_is(tmp_path: Path) -> None:
    folder = prepare_data_dir(tmp_path / "data")
    (folder / "teamsbot.sqlite").touch()
    assert prepare_data_dir(folder) == folder
    assert [path.name for path in folder.iterdir()] == ["teamsbot.sqlite"]


def test_an_open_folder_with_files_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home").chmod(0o755)
    (tmp_path / "home" / "letter").touch()
    with pytest.raises(StorageError, match="can be entered by other users") as caught:
        prepare_data_dir(tmp_path / "home")
    assert f"chmod 700 {tmp_path / 'home'}" in caught.value.fix
    assert mode(tmp_path / "home") == 0o755


def test_a_folder_that_this_user_may_not_write_is_told_with_the_fix(tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir()
    locked.chmod(0o500)
    with plain_user(), pytest.raises(StorageError, match="cannot be written: Permission denied") as caught:
        prepare_data_dir(locked / "data")
    assert caught.value.fix == "Set DATA_DIR to a folder this user may write."


def test_a_key_is_made_once_and_kept_from_others(tmp_path: Path) -> None:
    key, made = kept_key(tmp_path / "key", None)
    assert made
    assert mode(tmp_path / "key") == 0o600
    assert kept_key(tmp_path / "key", None) == (key, False)


@pytest.mark.parametrize("damaged", [b"", b"\xff\xfe", b"short"])
def test_a_damaged_key_is_not_relied_upon(tmp_path: Path, damaged: bytes) -> None:
    (tmp_path / "key").write_bytes(damaged)
    with pytest.raises(StorageError, match="does not hold a key; restore it, or remove it"):
        kept_key(tmp_path / "key", None)


def test_a_pipe_in_the_place_of_a_key_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "key")
    with pytest.raises(StorageError, match="does not hold a key"):
        kept_key(tmp_path / "key", None)
    with pytest.raises(StorageError, match="does not hold a link key"):
        FileTokens.kept_in(tmp_path / "key")


def test_a_key_that_was_given_comes_before_one_that_was_kept(tmp_path: Path) -> None:
    kept_key(tmp_path / "key", None)
    assert kept_key(tmp_path / "key", Secret("given")) == (Secret("given"), False)


def test_a_file_that_cannot_be_written_whole_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "taken" / "by a folder").mkdir(parents=True)
    with pytest.raises(OSError, match="directory"):
        write_atomically(tmp_path / "taken", b"bytes")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


Sync = tuple[Path, frozenset[str]]


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> list[Sync]:
    """What is forced to disk, and for a folder with the names in it."""
    made, fsync = list[Sync](), os.fsync

    def sync(fd: int) -> None:
        path = Path(f"/proc/self/fd/{fd}").readlink()
        made.append((path, names(path) if path.is_dir() else frozenset()))
        fsync(fd)

    monkeypatch.setattr(os, "fsync", sync)
    return made


def test_a_key_survives_a_power_cut_as_soon_as_it_is_used(tmp_path: Path, synced: list[Sync]) -> None:
    folder = prepare_data_dir(tmp_path / "data")
    assert (tmp_path, frozenset({"data"})) in synced
    FileTokens.kept_in(folder / "link.key")
    assert synced[-1] == (folder, frozenset({"link.key"}))
    kept_key(folder / "key", None)
    assert synced[-1] == (folder, frozenset({"link.key", "key"}))


async def test_a_stored_file_survives_a_power_cut_and_costs_four_syncs(tmp_path: Path, synced: list[Sync]) -> None:
    files = FolderFiles(tmp_path / "files", tokens=FileTokens(bytes(32)))
    key = ConversationKey(channel="msteams", tenant="t", conversation="c")
    first = await files.put(key, "a.csv", b"1")
    assert synced[0] == (tmp_path, frozenset({"files"}))
    del synced[:]
    stored = await files.put(key, "b.csv", b"2")
    folder = tmp_path / "files" / stored.token
    assert len(synced) == 4
    assert synced[-2:] == [
        (folder, frozenset({"content", "name"})),
        (folder.parent, frozenset({first.token, stored.token})),
    ]
    del synced[:]
    assert await files.put(key, "b.csv", b"2") == stored
    assert synced == []
    (folder / "content").unlink()  # as a power cut could leave it
    await files.put(key, "b.csv", b"2")
    assert (folder / "content").read_bytes() == b"2"


async def test_a_disk_that_became_read_only_does_not_keep_the_program_from_ending(tmp_path: Path) -> None:
    stop = AsyncExitStack()
    stop.enter_context(address_noted(tmp_path, "http://127.0.0.1:1"))
    await stop.enter_async_context(serve_timelines(SqliteTimelines(SqliteFile(tmp_path / "l.sqlite")), tmp_path))
    noted = names(tmp_path)
    with read_only(tmp_path):
        await stop.aclose()
    assert names(tmp_path) == noted
    assert len(noted) == 2


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away; runs where the tests are run by root")
def test_a_folder_of_another_user_is_refused_with_the_fix(tmp_path: Path) -> None:  # S13
    folder = prepare_data_dir(tmp_path / "data")
    os.chown(folder, _NOBODY, _NOBODY)
    with pytest.raises(StorageError, match="belongs to another user") as caught:
        prepare_data_dir(folder)
    assert f"chown $(id -u) {folder}" in caught.value.fix


def test_a_key_that_others_can_read_is_not_used(tmp_path: Path) -> None:  # S13
    kept_key(tmp_path / "webchat.key", None)
    (tmp_path / "webchat.key").chmod(0o644)
    with pytest.raises(StorageError, match="Remove it"):
        kept_key(tmp_path / "webchat.key", None)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away; runs where the tests are run by root")
def test_a_key_of_another_user_is_not_used(tmp_path: Path) -> None:  # S13
    kept_key(tmp_path / "webchat.key", None)
    os.chown(tmp_path / "webchat.key", _NOBODY, _NOBODY)
    with pytest.raises(StorageError, match="Remove it"):
        kept_key(tmp_path / "webchat.key", None)


def test_a_full_disk_is_told_by_what_to_do_whichever_error_it_caused() -> None:
    full = sqlite3.OperationalError("database or disk is full")
    full.sqlite_errorcode = sqlite3.SQLITE_FULL
    for cause in (full, OSError(errno.ENOSPC, "No space left on device")):
        error = StorageError("a file cannot be used")
        error.__cause__ = cause
        assert room_hint(error).startswith("Make room on the disk of DATA_DIR")
    assert room_hint(StorageError("a file cannot be used")) == ""
