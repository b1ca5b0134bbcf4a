"""What every file store must do, whatever it is kept in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from bot.conversation import ConversationKey
from bot.errors import StorageError
from bot.file_names import plain_name
from storage.blob_container import BlobContainer
from storage.file_tokens import FileTokens
from storage.files_blob import BlobFiles
from storage.files_folder import FolderFiles
from tests.support.azurite_storage import Azurite
from tests.support.fakes import PNG

KEY = ConversationKey(channel="msteams", tenant="t", conversation="c")
OTHER = ConversationKey(channel="msteams", tenant="t", conversation="d")


def in_folder(folder: Path) -> FolderFiles:
    return FolderFiles(folder / "files", tokens=FileTokens.kept_in(folder / "link.key"))


@pytest.fixture(params=["folder", "blob"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[FolderFiles | BlobFiles]:
    if request.param == "folder":
        yield in_folder(tmp_path)
        return
    azurite: Azurite = request.getfixturevalue("storage")
    container = BlobContainer.by_connection_string(azurite.connection_string, name=azurite.new_container())
    yield BlobFiles(container)
    await container.close()


async def test_what_was_put_is_read_again(store: FolderFiles | BlobFiles) -> None:
    stored = await store.put(KEY, "plot.png", PNG)
    assert (stored.name, stored.size_bytes) == ("plot.png", len(PNG))
    served = await store.read(stored.token)
    assert served is not None
    assert (served.data, served.name, served.picture_type) == (PNG, "plot.png", "image/png")


@pytest.mark.parametrize("name", ["Übersicht 2026 – €.csv", "表.csv", "a b+c%20d.csv", "📈" * 30 + ".csv", "x" * 300])
async def test_a_name_of_any_letters_comes_back_as_it_was(store: FolderFiles | BlobFiles, name: str) -> None:
    stored = await store.put(KEY, name, b"1,2")
    served = await store.read(stored.token)
    assert served is not None
    assert (served.name, served.data, served.picture_type) == (plain_name(name), b"1,2", None)


@pytest.mark.parametrize("data", [b"", bytes(range(256)) * 40_000], ids=["nothing", "ten megabytes"])
async def test_bytes_of_any_number_come_back_as_they_were(store: FolderFiles | BlobFiles, data: bytes) -> None:
    served = await store.read((await store.put(KEY, "a.bin", data)).token)
    assert served is not None
    assert served.data == data


async def test_a_large_file_is_read_in_pieces_of_at_most_a_megabyte(store: FolderFiles | BlobFiles) -> None:
    data = bytes(range(256)) * 120_000  # 30 MB
    stored = await store.put(KEY, "large.bin", data)
    async with store.opened(stored.token) as file:
        assert file is not None
        assert (file.name, file.size_bytes, file.picture_type) == ("large.bin", len(data), None)
        chunks = [chunk async for chunk in file.chunks]
    assert max(map(len, chunks)) <= 1024 * 1024
    assert b"".join(chunks) == data
    async with store.opened("a" * 32) as nothing:
        assert nothing is None


async def test_a_file_that_is_deleted_while_it_is_read_comes_whole_or_breaks_off(
    store: FolderFiles | BlobFiles,
) -> None:
    data = bytes(3_000_000)
    stored = await store.put(KEY, "large.bin", data)
    async with store.opened(stored.token) as file:
        assert file is not None
        got = len(await anext(file.chunks))
        await store.delete(stored.token)
        with suppress(StorageError):
            got += sum([len(chunk) async for chunk in file.chunks])
            assert got == len(data)


async def test_a_file_on_disk_is_kept_like_its_bytes_and_stays_where_it_is(
    store: FolderFiles | BlobFiles, tmp_path: Path
) -> None:
    given = tmp_path / "given"
    given.write_bytes(PNG + b"x" * 3_000_000)
    stored = await store.put(KEY, "plot.png", given)
    assert stored == await store.put(KEY, "plot.png", given.read_bytes())
    served = await store.read(stored.token)
    assert served is not None
    assert (served.data, served.picture_type) == (given.read_bytes(), "image/png")


async def test_the_same_bytes_in_the_same_conversation_are_one_object(store: FolderFiles | BlobFiles) -> None:
    first, again = await store.put(KEY, "a.csv", b"1"), await store.put(KEY, "a.csv", b"1")
    assert first == again
    assert (await store.put(OTHER, "a.csv", b"1")).token != first.token
    assert (await store.put(KEY, "a.csv", b"2")).token != first.token


async def test_a_deleted_file_is_gone_for_its_links_and_for_no_other_conversation(
    store: FolderFiles | BlobFiles,
) -> None:
    mine, other = await store.put(KEY, "a.csv", b"1,2"), await store.put(OTHER, "a.csv", b"1,2")
    for _ in range(2):
        await store.delete(mine.token)
    await store.delete("../links.key")
    assert await store.read(mine.token) is None
    served = await store.read(other.token)
    assert served is not None
    assert await store.put(KEY, "a.csv", b"1,2") == mine
    assert await store.read(mine.token) is not None


async def test_a_folder_holds_the_same_bytes_once(tmp_path: Path) -> None:
    store = in_folder(tmp_path)
    for _ in range(3):
        await store.put(KEY, "a.csv", b"1")
    assert len(list((tmp_path / "files").iterdir())) == 1


async def test_names_cannot_be_worked_out_without_the_key_of_the_installation(tmp_path: Path) -> None:
    one, two = FileTokens.kept_in(tmp_path / "one.key"), FileTokens.kept_in(tmp_path / "two.key")
    assert one.token(KEY, "a", b"1") != two.token(KEY, "a", b"1")
    assert one.token(KEY, "a", b"1") == FileTokens.kept_in(tmp_path / "one.key").token(KEY, "a", b"1")
    assert (tmp_path / "one.key").stat().st_mode & 0o777 == 0o600
    assert str((tmp_path / "one.key").read_bytes()) not in repr(one)


@pytest.mark.parametrize(
    "token", ["", "..", "a" * 31, "a" * 32, "a" * 33, "../" * 10 + "ab", "a" * 31 + "/", "é" * 32, "link-key"]
)
async def test_a_token_that_was_never_given_out_is_nothing(store: FolderFiles | BlobFiles, token: str) -> None:
    await store.put(KEY, "a.csv", b"1")
    assert await store.read(token) is None


async def test_a_folder_that_cannot_be_written_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "files").write_text("in the way")
    with pytest.raises(StorageError):
        await in_folder(tmp_path).put(KEY, "a.csv", b"1")


def test_a_damaged_key_is_refused_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "link.key").write_bytes(b"short")
    with pytest.raises(StorageError, match="restore it"):
        FileTokens.kept_in(tmp_path / "link.key")
