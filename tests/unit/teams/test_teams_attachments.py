"""Files that come with an activity, and the addresses that may and may not be asked for them."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from botbuilder.schema import Activity

from adapters.teams.activities import read_message
from adapters.teams.attachments import ConnectorFiles, is_of_same_server
from adapters.teams.connector import connector_session
from bot.attachments import Attachment
from bot.conversation import ConversationReference
from bot.errors import AttachmentError, StorageError
from tests.support.fakes import message

SERVER = "http://localhost:3978/_connector"


def attached(*given: dict[str, Any]) -> list[tuple[str, str]]:
    fields = {
        "type": "message",
        "id": "m",
        "channelId": "emulator",
        "serviceUrl": SERVER,
        "conversation": {"id": "c"},
        "from": {"id": "u"},
        "recipient": {"id": "b"},
        "attachments": list(given),
    }
    read = read_message(Activity().deserialize(fields))
    assert read is not None
    return [(attachment.name, attachment.url) for attachment in read.attachments]


def test_files_are_told_from_cards_quotes_and_the_text_once_more() -> None:
    url = "http://localhost:3978/v3/attachments/1"
    assert attached(
        {"contentType": "text/csv", "contentUrl": url, "name": "../a.csv"},
        {"contentType": "text/html", "content": "<p>hi</p>"},
        {"contentType": "application/vnd.microsoft.card.adaptive", "content": {}, "contentUrl": url},
        {"contentType": "messageReference", "content": "{}"},
        {"contentType": "image/png", "contentUrl": url},
        {"contentType": "text/csv", "name": "nowhere.csv"},
        {},
    ) == [("a.csv", url), ("picture.png", url)]


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"contentType": "image/*"}, "picture.png"),
        ({"contentType": "image/png", "name": "image"}, "image.png"),
        ({"contentType": "image/jpg"}, "picture.jpg"),
        ({"contentType": "image/gif", "name": "haha.tenor"}, "haha.tenor.gif"),
        ({"contentType": "image/*", "name": "a.jpeg"}, "a.jpeg"),
    ],
)
def test_a_pasted_picture_is_known_by_its_content_type(given: dict[str, str], name: str) -> None:
    """F8."""
    assert attached({**given, "contentUrl": f"{SERVER}/f/i1"}) == [(name, f"{SERVER}/f/i1")]


def test_a_file_of_teams_has_its_address_inside() -> None:
    info = {"contentType": "application/vnd.microsoft.teams.file.download.info", "name": "a.csv"}
    assert attached(
        {**info, "contentUrl": "https://a.sharepoint.com/x", "content": {"downloadUrl": "https://a.example/y"}}
    ) == [("a.csv", "https://a.example/y")]


@pytest.mark.parametrize("path", ["/", "/a", "/v3/attachments/1/views/original?x=1", "/%2e%2e/a"])
def test_the_servers_own_addresses_are_open(path: str) -> None:
    assert is_of_same_server(f"http://localhost:3978{path}", SERVER)


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:3979/a",
        "http://localhost/a",
        "http://127.0.0.1:3978/a",
        "https://localhost:3978/a",
        "http://localhost:3978",
        "http://localhost:3978@evil.example/a",
        "http://evil.example:3978/a",
        "http://localhost:3978.evil.example/a",
        "http://evil.example\\@localhost:3978/a",
        "http://localhost:3978\\.evil.example/a",
        "http://localhost:3978#@evil.example/a",
        "http://localhost:3978/a b",
        "http://localhost:3978/a\r\nHost: evil",
        "http://169.254.169.254/latest/meta-data/",
        "file:///etc/passwd",
        "//localhost:3978/a",
        "",
    ],
)
def test_no_other_address_is(url: str) -> None:
    assert not is_of_same_server(url, SERVER)


def test_a_foreign_service_opens_nothing_even_of_its_own() -> None:
    assert not is_of_same_server("https://smba.example/a", "https://smba.example/")
    assert not is_of_same_server("http://10.0.0.1/a", "http://10.0.0.1/")


@dataclass
class World:
    files: ConnectorFiles
    folder: Path
    address: str
    asked: list[str] = field(default_factory=list)
    content: bytes = b"a,b\n1,2\n"

    @property
    def reference(self) -> ConversationReference:
        return replace(message().reference, service_url=f"{self.address}/connector")

    async def read(self, url: str) -> bytes:
        async with self.files.opened(Attachment(name="a.csv", url=url), self.reference) as path:
            return path.read_bytes()

    async def serve(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path)
        if request.path == "/elsewhere":
            raise web.HTTPFound("/a.csv")
        if request.path == "/gone":
            raise web.HTTPNotFound
        return web.Response(body=self.content)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    app = web.Application()
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    async with connector_session() as session:
        files = ConnectorFiles(session=session, folder=tmp_path / "incoming")
        files.open()
        world = World(files=files, folder=tmp_path / "incoming", address="")
        app.router.add_get("/{path:.*}", world.serve)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        world.address = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield world
        await runner.cleanup()


async def test_a_file_is_on_disk_while_it_is_read_and_gone_afterwards(world: World) -> None:
    assert await world.read(f"{world.address}/a.csv") == b"a,b\n1,2\n"
    assert list(world.folder.iterdir()) == []


async def test_a_file_beyond_the_limit_is_refused_and_gone(world: World) -> None:
    world.content = b"x" * 50_000_001
    with pytest.raises(AttachmentError) as caught:
        await world.read(f"{world.address}/a.csv")
    assert caught.value.apology == "a.csv is larger than 50 MB, the most that I can take."
    assert list(world.folder.iterdir()) == []


@pytest.mark.parametrize("path", ["/elsewhere", "/gone"])
async def test_what_is_not_there_or_points_elsewhere_is_not_followed(world: World, path: str) -> None:
    with pytest.raises(AttachmentError) as caught:
        await world.read(f"{world.address}{path}")
    assert "Please send it again" in caught.value.apology
    assert world.asked == [path]


async def test_a_foreign_address_is_refused_before_a_byte_leaves(world: World) -> None:
    with pytest.raises(AttachmentError) as caught:
        await world.read(world.address.replace("127.0.0.1", "localhost") + "/a.csv")
    assert "may not fetch a.csv" in caught.value.apology
    assert world.asked == []


async def test_a_server_that_is_down_is_told(world: World) -> None:
    lost = replace(world.reference, service_url="http://127.0.0.1:1/connector")
    with pytest.raises(AttachmentError):
        async with world.files.opened(Attachment(name="a.csv", url="http://127.0.0.1:1/a"), lost):
            pass


@pytest.mark.parametrize(
    ("url", "data"),
    [
        ("data:text/csv;base64," + base64.b64encode(b"a,b").decode(), b"a,b"),
        ("data:text/csv;charset=utf-8,a%2Cb", b"a,b"),
        ("data:,a", b"a"),
        ("data:text/csv;base64,***", None),
        ("data:nothing", None),
    ],
)
async def test_a_file_may_be_in_its_address(world: World, url: str, data: bytes | None) -> None:
    if data is None:
        with pytest.raises(AttachmentError):
            await world.read(url)
    else:
        assert await world.read(url) == data


async def test_a_file_in_the_place_of_the_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "incoming").write_bytes(b"")
    async with connector_session() as session:
        with pytest.raises(StorageError, match="files cannot be received in"):
            ConnectorFiles(session=session, folder=tmp_path / "incoming").open()
