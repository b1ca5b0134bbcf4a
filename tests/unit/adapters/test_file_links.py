from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer
from yarl import URL

from adapters.file_links import add_file_routes
from bot.errors import StorageError
from bot.ports import ServedFile

PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)
TOKEN = "abcdefghijklmnopqrstuvwxyz-_0123"


class Shelf:
    """A file store that remembers what it was asked for."""

    def __init__(self) -> None:
        self.files: dict[str, ServedFile] = {}
        self.asked: list[str] = []
        self.broken = False

    async def read(self, token: str) -> ServedFile | None:
        self.asked.append(token)
        if self.broken:
            raise StorageError("the disk is gone")
        return self.files.get(token)


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
async def address(shelf: Shelf) -> AsyncIterator[str]:
    app = web.Application()
    add_file_routes(app, shelf)
    async with TestServer(app) as server:
        yield f"http://127.0.0.1:{server.port}/files"


@pytest.fixture
async def client() -> AsyncIterator[ClientSession]:
    async with ClientSession() as session:
        yield session


async def test_a_picture_is_shown_with_its_type_and_may_be_kept_for_ever(
    shelf: Shelf, address: str, client: ClientSession
) -> None:
    shelf.files[TOKEN] = ServedFile(name="plot-1.png", data=PNG, picture_type="image/png")
    async with client.get(f"{address}/{TOKEN}/plot-1.png") as answer:
        assert answer.status == 200
        assert await answer.read() == PNG
        assert answer.headers["Content-Type"] == "image/png"
        assert answer.headers["Content-Disposition"].startswith("inline;")
        assert "immutable" in answer.headers["Cache-Control"]


@pytest.mark.parametrize(
    ("name", "data"),
    [("page.html", b"<script>alert(1)</script>"), ("drawing.svg", b"<svg onload='alert(1)'/>"), ("data.csv", b"a,b\n")],
)
async def test_anything_but_a_picture_is_a_download_that_cannot_run(
    shelf: Shelf, address: str, client: ClientSession, name: str, data: bytes
) -> None:
    shelf.files[TOKEN] = ServedFile(name=name, data=data, picture_type=None)
    async with client.get(f"{address}/{TOKEN}/{name}") as answer:
        assert await answer.read() == data
        assert answer.headers["Content-Type"] == "application/octet-stream"
        assert answer.headers["Content-Disposition"].startswith(f'attachment; filename="{name}"')
        assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"


async def test_head_tells_the_size_and_sends_no_bytes(shelf: Shelf, address: str, client: ClientSession) -> None:
    shelf.files[TOKEN] = ServedFile(name="plot.png", data=PNG, picture_type="image/png")
    async with client.head(f"{address}/{TOKEN}/plot.png") as answer:
        assert answer.status == 200
        assert answer.headers["Content-Length"] == str(len(PNG))
        assert await answer.read() == b""


async def test_a_name_in_any_script_arrives_whole_and_breaks_no_header(
    shelf: Shelf, address: str, client: ClientSession
) -> None:
    name = 'größe "x"\r\nSet-Cookie: a=b; 100% 数据.csv'
    shelf.files[TOKEN] = ServedFile(name=name, data=b"1", picture_type=None)
    async with client.get(f"{address}/{TOKEN}/x.csv") as answer:
        assert "Set-Cookie" not in answer.headers
        assert answer.content_disposition is not None
        assert answer.content_disposition.filename == name


async def test_an_unknown_token_is_not_found_in_json(address: str, client: ClientSession) -> None:
    async with client.get(f"{address}/{TOKEN}/plot.png") as answer:
        assert answer.status == 404
        assert (await answer.json())["error"]["code"] == "NotFound"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("token", ["..%2F..%2Fetc", "%2e%2e", "a", "%00" * 20, "%ff" * 20, "a" * 500, "x.y" * 10])
async def test_what_cannot_be_a_token_never_reaches_the_store(
    shelf: Shelf, address: str, client: ClientSession, token: str
) -> None:
    async with client.get(URL(f"{address}/{token}/passwd", encoded=True)) as answer:
        assert answer.status == 404
    assert shelf.asked == []


async def test_a_store_that_is_down_is_told_as_such(shelf: Shelf, address: str, client: ClientSession) -> None:
    shelf.broken = True
    async with client.get(f"{address}/{TOKEN}/plot.png") as answer:
        assert answer.status == 503
        assert "disk" not in await answer.text()
