"""What Azure Blob Storage adds to the contract: containers, keys, and storage that is down, frozen or says no."""

from __future__ import annotations

import asyncio
import base64
import gc
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest
from azure.storage.blob import ContainerSasPermissions, generate_container_sas
from azure.storage.blob.aio import ContainerClient
from yarl import URL

from bot.conversation import ConversationKey
from bot.errors import StorageError
from scripts.node import Node
from storage.blob_container import BlobContainer, BlobsRefusedError
from storage.blob_links import BlobLinks
from storage.files_blob import BlobFiles
from tests.support.azurite_storage import ACCOUNT, Azurite, running_storage
from tests.support.fakes import PNG
from tests.support.ledger_fixtures import refused
from tests.support.waiting import PATIENCE_S

KEY = ConversationKey(channel="msteams", tenant="t", conversation="c")
TOO_LONG_S = 25.0  # for what takes 8; without limits it is 85


@pytest.fixture
def name(storage: Azurite) -> str:
    return storage.new_container()


@pytest.fixture
async def container(storage: Azurite, name: str) -> AsyncIterator[BlobContainer]:
    opened = BlobContainer.by_connection_string(storage.connection_string, name=name)
    yield opened
    await opened.close()


@pytest.fixture
async def client(storage: Azurite, name: str) -> AsyncIterator[ContainerClient]:
    """An administrator's view of the same container."""
    async with ContainerClient.from_connection_string(storage.connection_string, name) as opened:
        yield opened


@pytest.fixture
def own_storage(azurite_node: Node, tmp_path: Path) -> Iterator[Azurite]:
    with running_storage(azurite_node, tmp_path) as azurite:
        yield azurite


@pytest.fixture
async def files(own_storage: Azurite) -> AsyncIterator[BlobFiles]:
    container = BlobContainer.by_connection_string(own_storage.connection_string, name="plots")
    yield BlobFiles(container)
    await container.close()


async def test_the_container_is_made_private_when_it_is_missing(
    storage: Azurite, container: BlobContainer, client: ContainerClient
) -> None:
    await container.make()
    await container.make()
    assert (await client.get_container_properties()).public_access is None
    stored = await BlobFiles(container).put(KEY, "plot.png", PNG)
    async with aiohttp.ClientSession() as stranger, stranger.get(f"{client.url}/{stored.token}") as answer:
        assert answer.status in (403, 404)


async def test_a_container_that_was_removed_is_made_again(container: BlobContainer, client: ContainerClient) -> None:
    files = BlobFiles(container)
    lost = await files.put(KEY, "a.csv", b"1")
    await client.delete_container()
    assert await files.read(lost.token) is None
    stored = await files.put(KEY, "a.csv", b"1")
    assert await files.read(stored.token) is not None


async def test_processes_that_share_a_container_give_a_file_the_same_name(storage: Azurite, name: str) -> None:
    containers = [BlobContainer.by_connection_string(storage.connection_string, name=name) for _ in range(4)]
    stores = [BlobFiles(container) for container in containers]
    stored = await asyncio.gather(*(store.put(KEY, "a.csv", b"1") for store in stores))
    assert len({file.token for file in stored}) == 1
    await asyncio.gather(*(container.close() for container in containers))


async def test_the_same_bytes_are_one_blob_and_are_marked_for_what_they_are(
    container: BlobContainer, client: ContainerClient
) -> None:
    files = BlobFiles(container)
    for _ in range(3):
        stored = await files.put(KEY, "plot.png", PNG)
    blobs = {blob.name: blob async for blob in client.list_blobs()}
    assert set(blobs) == {"link-key", stored.token}
    assert blobs[stored.token].content_settings.content_type == "image/png"


async def test_a_damaged_link_key_is_refused_and_left_alone(container: BlobContainer, client: ContainerClient) -> None:
    await container.make()
    await client.upload_blob("link-key", b"short")
    reason = await refused(BlobFiles(container).put(KEY, "a.csv", b"1"), StorageError)
    assert "link-key" in reason
    assert await (await client.download_blob("link-key")).readall() == b"short"


def signed_for(container: str, storage: Azurite, **may: bool) -> str:
    """A connection string whose signature holds for this container alone, and not for looking at it."""
    parts = dict(part.split("=", 1) for part in storage.connection_string.split(";") if part)
    signature = generate_container_sas(
        ACCOUNT,
        container,
        account_key=parts["AccountKey"],
        permission=ContainerSasPermissions(**may),
        expiry=datetime.now(UTC) + timedelta(hours=1),
    )
    return f"BlobEndpoint={parts['BlobEndpoint']};SharedAccessSignature={signature}"


async def test_a_signature_for_the_container_alone_is_enough(
    storage: Azurite, name: str, client: ContainerClient
) -> None:
    await client.create_container()
    text = signed_for(name, storage, read=True, create=True, write=True)
    container = BlobContainer.by_connection_string(text, name=name)
    files = BlobFiles(container)
    await files.look()
    assert await files.read((await files.put(KEY, "a.csv", b"1")).token) is not None
    await container.close()


async def test_a_right_to_read_alone_is_refused_before_anybody_asks(
    storage: Azurite, name: str, client: ContainerClient
) -> None:
    await client.create_container()
    text = signed_for(name, storage, read=True)
    container = BlobContainer.by_connection_string(text, name=name)
    reason = await refused(BlobFiles(container).look(), BlobsRefusedError)
    assert "403" in reason
    assert "sig=" not in reason
    await container.close()


async def test_a_wrong_key_is_refused_and_told_without_it(storage: Azurite, name: str) -> None:
    wrong = base64.b64encode(b"hunter2").decode()
    parts = [f"AccountKey={wrong}" if part.startswith("AccountKey") else part for part in
             storage.connection_string.split(";")]  # fmt: skip
    container = BlobContainer.by_connection_string(";".join(parts), name=name)
    with pytest.raises(BlobsRefusedError, match="403") as refusal:
        await BlobFiles(container).look()
    assert "AZURE_STORAGE_" in refusal.value.fix
    assert wrong not in f"{refusal.value} {refusal.value.fix} {container!r}"
    await container.close()


async def test_storage_that_is_not_there_costs_seconds_and_then_less(
    files: BlobFiles, own_storage: Azurite, monkeypatch: pytest.MonkeyPatch
) -> None:
    await files.put(KEY, "a.csv", b"1")
    own_storage.kill()
    began_s = time.monotonic()
    reason = await refused(files.put(KEY, "b.csv", b"2"), StorageError)
    first_s = time.monotonic() - began_s
    assert first_s < TOO_LONG_S
    assert "cannot be reached" in reason
    assert "b.csv" not in reason
    monkeypatch.setattr("storage.blob_container._DEADLINE_IN_OUTAGE_S", 0.1)
    began_s = time.monotonic()
    await refused(files.put(KEY, "c.csv", b"3"), StorageError)
    assert time.monotonic() - began_s < first_s, "no longer than needed to see that it is still down"
    monkeypatch.undo()
    own_storage.start_again()
    stored = await files.put(KEY, "b.csv", b"2")
    assert await files.read(stored.token) is not None


async def test_storage_that_is_frozen_costs_seconds_and_not_a_minute(files: BlobFiles, own_storage: Azurite) -> None:
    stored = await files.put(KEY, "a.csv", b"1")
    own_storage.freeze()
    began_s = time.monotonic()
    assert "cannot be reached" in await refused(files.put(KEY, "b.csv", b"2"), StorageError)
    assert "cannot be reached" in await refused(files.read(stored.token), StorageError)
    assert time.monotonic() - began_s < 2 * TOO_LONG_S
    own_storage.thaw()
    assert await files.read(stored.token) is not None


async def test_storage_that_is_away_for_a_moment_is_waited_for(
    own_storage: Azurite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.blob_container._REQUEST_S", 2.0)
    monkeypatch.setattr("storage.blob_container._DEADLINE_S", 60.0)
    container = BlobContainer.by_connection_string(own_storage.connection_string, name="plots")
    files = BlobFiles(container)
    await files.put(KEY, "a.csv", b"1")
    own_storage.freeze()
    putting = asyncio.create_task(files.put(KEY, "b.csv", b"2"))
    await asyncio.sleep(2.5)  # longer than one request is waited for
    assert not putting.done()
    own_storage.thaw()
    assert await files.read((await putting).token) is not None
    await container.close()


@pytest.mark.parametrize("fate", ["frozen", "killed"])
async def test_storage_that_dies_in_mid_upload_leaves_no_part_of_a_file(
    files: BlobFiles, own_storage: Azurite, fate: str, caplog: pytest.LogCaptureFixture
) -> None:
    await files.put(KEY, "a.csv", b"1")
    data = bytes(60_000_000)
    putting = asyncio.create_task(files.put(KEY, "large.bin", data))
    async with ContainerClient.from_connection_string(own_storage.connection_string, "plots") as client:
        async with asyncio.timeout(PATIENCE_S):  # until some blocks have arrived
            while len([blob async for blob in client.list_blobs(include=["uncommittedblobs"])]) < 3:
                assert not putting.done()
    if fate == "frozen":
        own_storage.freeze()  # there is no list of the blocks yet
    else:
        own_storage.kill()
    with pytest.raises(StorageError):
        await putting
    if fate == "frozen":
        own_storage.thaw()
        async with ContainerClient.from_connection_string(own_storage.connection_string, "plots") as client:
            assert len([blob async for blob in client.list_blobs()]) == 2
    else:
        own_storage.start_again()
    served = await files.read((await files.put(KEY, "large.bin", data)).token)
    assert served is not None
    assert served.data == data
    gc.collect()
    assert "never retrieved" not in caplog.text


async def test_a_signed_link_opens_its_blob_for_anybody_and_no_other(
    storage: Azurite, container: BlobContainer
) -> None:
    files, links = BlobFiles(container), BlobLinks(container, lifetime_s=3600)
    plot, table = await files.put(KEY, "plot.png", PNG), await files.put(KEY, "größe.csv", b"1,2")
    url = await links.url(plot)
    async with aiohttp.ClientSession() as stranger:
        async with stranger.get(URL(url, encoded=True)) as answer:
            assert (answer.status, await answer.read()) == (200, PNG)
            assert answer.headers["Content-Type"] == "image/png"
        async with stranger.get(URL(await links.url(table), encoded=True)) as answer:
            assert answer.headers["Content-Type"] == "application/octet-stream"
            assert answer.content_disposition is not None
            assert (answer.content_disposition.type, answer.content_disposition.filename) == ("attachment", "größe.csv")
        for other in (table.token, "link-key"):
            async with stranger.get(URL(url.replace(plot.token, other, 1), encoded=True)) as answer:
                assert answer.status == 403
        async with stranger.delete(URL(url, encoded=True)) as answer:
            assert answer.status == 403


async def test_a_connection_string_with_a_signature_cannot_sign_links(storage: Azurite, name: str) -> None:
    text = signed_for(name, storage, read=True, create=True, write=True)
    container = BlobContainer.by_connection_string(text, name=name)
    assert not container.can_sign
    assert "sig=" not in container.url
    await container.close()
