from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from urllib.parse import urlsplit

import pytest
from aiohttp import ClientPayloadError, ClientSession, web
from aiohttp.test_utils import TestServer
from yarl import URL

from adapters.file_links import LINK, LinkRefusedError, SignedLinks, add_file_routes
from bot.errors import StorageError
from bot.parts import OpenFile, ServedFile, StoredFile
from service.logs import redact_text
from tests.support.waiting import settled

PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)
TOKEN = "abcdefghijklmnopqrstuvwxyz-_0123"
PLOT = StoredFile(token=TOKEN, name="plot.png", size_bytes=len(PNG))
OLD_KEY, NEW_KEY = b"o" * 32, b"n" * 32
DAY_S = 86_400.0
CHUNK_BYTES = 256 * 1024
LARGE = bytes(30_000_000)


class Clock:
    """Seconds that a test can move."""

    def __init__(self) -> None:
        self.now_s = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now_s


class Keys:
    """Signing keys, the newest first, that can be replaced or be lost."""

    def __init__(self, *keys: bytes) -> None:
        self.keys: Sequence[bytes] = keys
        self.lost = False

    async def __call__(self) -> Sequence[bytes]:
        if self.lost:
            raise StorageError("the key is gone")
        return self.keys


class Shelf:
    """A file store that remembers what it was asked for."""

    def __init__(self) -> None:
        self.files: dict[str, ServedFile] = {}
        self.asked: list[str] = []
        self.broken = False
        self.breaks_at: int | None = None
        self.chunks_read = 0

    async def read(self, token: str) -> ServedFile | None:
        self.asked.append(token)
        if self.broken:
            raise StorageError("the disk is gone")
        return self.files.get(token)

    @asynccontextmanager
    async def opened(self, token: str) -> AsyncIterator[OpenFile | None]:
        file = await self.read(token)
        if file is None:
            yield None
            return

        async def chunks() -> AsyncIterator[bytes]:
            for begin in range(0, len(file.data), CHUNK_BYTES):
                if begin == self.breaks_at:
                    raise StorageError("the disk is gone")
                self.chunks_read += 1
                yield file.data[begin : begin + CHUNK_BYTES]

        size_bytes = len(file.data)
        yield OpenFile(name=file.name, size_bytes=size_bytes, picture_type=file.picture_type, chunks=chunks())


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keys() -> Keys:
    return Keys(OLD_KEY)


@pytest.fixture
def links(clock: Clock, keys: Keys) -> SignedLinks:
    return SignedLinks(public_url="https://bot.example.com/", keys=keys, lifetime_s=90 * DAY_S, clock=clock)


async def signed(links: SignedLinks, name: str = "plot.png") -> str:
    """The path below `/files` of a link to the file on the shelf."""
    return (await links.url(StoredFile(token=TOKEN, name=name, size_bytes=1))).partition("/files/")[2]


@pytest.fixture
async def address(shelf: Shelf, links: SignedLinks) -> AsyncIterator[str]:
    app = web.Application()
    add_file_routes(app, shelf, links)
    async with TestServer(app) as server:
        yield f"http://127.0.0.1:{server.port}/files"


@pytest.fixture
async def client() -> AsyncIterator[ClientSession]:
    async with ClientSession() as session:
        yield session


async def test_a_picture_is_shown_with_its_type_and_kept_by_nobody_for_long(
    shelf: Shelf, links: SignedLinks, address: str, client: ClientSession
) -> None:
    shelf.files[TOKEN] = ServedFile(name="plot-1.png", data=PNG, picture_type="image/png")
    async with client.get(f"{address}/{await signed(links)}") as answer:
        assert answer.status == 200
        assert await answer.read() == PNG
        assert answer.headers["Content-Type"] == "image/png"
        assert answer.headers["Content-Disposition"].startswith("inline;")
        assert answer.headers["Cache-Control"] == "private, max-age=300"  # trap 17: revocable


@pytest.mark.parametrize(
    ("name", "data"),
    [("page.html", b"<script>alert(1)</script>"), ("drawing.svg", b"<svg onload='alert(1)'/>"), ("data.csv", b"a,b\n")],
)
async def test_anything_but_a_picture_is_a_download_that_cannot_run(
    shelf: Shelf, links: SignedLinks, address: str, client: ClientSession, name: str, data: bytes
) -> None:
    shelf.files[TOKEN] = ServedFile(name=name, data=data, picture_type=None)
    async with client.get(f"{address}/{await signed(links)}") as answer:
        assert await answer.read() == data
        assert answer.headers["Content-Type"] == "application/octet-stream"
        assert answer.headers["Content-Disposition"].startswith(f'attachment; filename="{name}"')
        assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"


async def test_head_tells_the_size_and_sends_no_bytes(
    shelf: Shelf, links: SignedLinks, address: str, client: ClientSession
) -> None:
    shelf.files[TOKEN] = ServedFile(name="plot.png", data=PNG, picture_type="image/png")
    async with client.head(f"{address}/{await signed(links)}") as answer:
        assert answer.status == 200
        assert answer.headers["Content-Length"] == str(len(PNG))
        assert answer.headers["Content-Type"] == "image/png"
        assert await answer.read() == b""
    assert shelf.chunks_read == 0


async def test_a_large_file_arrives_whole_with_its_length(
    shelf: Shelf, links: SignedLinks, address: str, client: ClientSession
) -> None:
    shelf.files[TOKEN] = ServedFile(name="large.bin", data=LARGE, picture_type=None)
    async with client.get(f"{address}/{await signed(links)}") as answer:
        assert answer.headers["Content-Length"] == str(len(LARGE))
        assert "Transfer-Encoding" not in answer.headers
        assert await answer.read() == LARGE


async def test_a_file_is_read_only_as_fast_as_it_is_taken_and_no_further_when_the_client_goes(
    shelf: Shelf, links: SignedLinks, address: str
) -> None:
    shelf.files[TOKEN] = ServedFile(name="large.bin", data=LARGE, picture_type=None)
    all_chunks = len(LARGE) // CHUNK_BYTES
    host, port = urlsplit(address).netloc.split(":")
    reader, writer = await asyncio.open_connection(host, int(port), limit=1024)
    path = f"{urlsplit(address).path}/{await signed(links)}"
    writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    assert await reader.read(100)

    held_up_at = -1
    while held_up_at < shelf.chunks_read:
        held_up_at = shelf.chunks_read
        await settled(turns=40)
    assert held_up_at < all_chunks / 2  # what the kernel holds, and no more
    writer.transport.abort()
    await settled(turns=40)
    assert shelf.chunks_read == held_up_at


async def test_a_client_that_takes_nothing_is_let_go(
    shelf: Shelf, links: SignedLinks, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("adapters.file_links._MAX_WRITE_S", 0.1)
    shelf.files[TOKEN] = ServedFile(name="large.bin", data=LARGE, picture_type=None)
    host, port = urlsplit(address).netloc.split(":")
    reader, writer = await asyncio.open_connection(host, int(port), limit=1024)
    path = f"{urlsplit(address).path}/{await signed(links)}"
    writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    await settled(turns=200)
    with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
        await reader.readexactly(len(LARGE))
    writer.close()


async def test_a_slow_client_has_the_time_of_a_write_for_every_64_kb(
    shelf: Shelf, links: SignedLinks, address: str, client: ClientSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int] = []
    write = web.StreamResponse.write

    async def noted(response: web.StreamResponse, data: bytes) -> None:
        written.append(len(data))
        await write(response, data)

    monkeypatch.setattr(web.StreamResponse, "write", noted)
    data = bytes(range(256)) * 4096 + b"its end"
    shelf.files[TOKEN] = ServedFile(name="large.bin", data=data, picture_type=None)
    async with client.get(f"{address}/{await signed(links)}") as answer:
        assert await answer.read() == data
    assert (max(written), sum(written)) == (65_536, len(data))


async def test_a_store_that_breaks_in_the_middle_of_a_file_ends_the_connection(
    shelf: Shelf, links: SignedLinks, address: str, client: ClientSession
) -> None:
    shelf.files[TOKEN] = ServedFile(name="large.bin", data=LARGE, picture_type=None)
    shelf.breaks_at = 4 * CHUNK_BYTES
    async with client.get(f"{address}/{await signed(links)}") as answer:
        assert answer.status == 200
        with pytest.raises(ClientPayloadError):  # half a file never looks like a whole one
            await answer.read()


async def test_a_name_in_any_script_arrives_whole_and_breaks_no_header(
    shelf: Shelf, links: SignedLinks, address: str, client: ClientSession
) -> None:
    name = 'größe "x"\r\nSet-Cookie: a=b; 100% 数据.csv'
    shelf.files[TOKEN] = ServedFile(name=name, data=b"1", picture_type=None)
    async with client.get(f"{address}/{await signed(links)}") as answer:
        assert "Set-Cookie" not in answer.headers
        assert answer.content_disposition is not None
        assert answer.content_disposition.filename == name


async def test_a_link_whose_file_is_gone_is_not_found_in_json(
    links: SignedLinks, address: str, client: ClientSession
) -> None:
    async with client.get(f"{address}/{await signed(links)}") as answer:
        assert answer.status == 404
        assert (await answer.json())["error"]["code"] == "NotFound"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == "no-store"


async def test_a_browser_is_shown_a_sentence_where_a_link_opens_nothing(
    links: SignedLinks, address: str, client: ClientSession
) -> None:
    # ux 3.23
    accept = {"Accept": "text/html,application/xhtml+xml;q=0.9"}
    async with client.get(f"{address}/{await signed(links)}", headers=accept) as answer:
        assert answer.status == 404
        assert answer.content_type == "text/html"
        assert "<p>There is no file at this address.</p>" in await answer.text()
        assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"


@pytest.mark.parametrize(
    "token", ["..%2F..%2Fetc", "%2e%2e", "a", "%00" * 20, "%ff" * 20, "a" * 500, "x.y" * 10, TOKEN]
)
async def test_what_cannot_be_a_token_never_reaches_the_store(
    shelf: Shelf, links: SignedLinks, address: str, client: ClientSession, token: str
) -> None:
    async with client.get(URL(f"{address}/{token}/passwd", encoded=True)) as answer:
        assert answer.status == 404
    assert shelf.asked == []


async def test_a_store_that_is_down_is_told_as_such(
    shelf: Shelf, links: SignedLinks, address: str, client: ClientSession
) -> None:
    shelf.broken = True
    async with client.get(f"{address}/{await signed(links)}") as answer:
        assert answer.status == 503
        assert "disk" not in await answer.text()


async def test_a_store_whose_key_is_gone_is_told_as_such(
    shelf: Shelf, links: SignedLinks, keys: Keys, address: str, client: ClientSession
) -> None:
    path = await signed(links)
    keys.lost = True
    async with client.get(f"{address}/{path}") as answer:
        assert answer.status == 503
    assert shelf.asked == []


async def test_a_link_begins_with_the_public_address_and_works_whatever_it_is(links: SignedLinks) -> None:
    url = await links.url(StoredFile(token=TOKEN, name="größe (1).csv", size_bytes=1))
    assert url.startswith("https://bot.example.com/files/")
    assert url.endswith("/gr%C3%B6%C3%9Fe%20%281%29.csv")
    assert await links.token(url.split("/")[-2]) == TOKEN


async def test_a_public_address_with_a_path_is_served_with_it_and_without(
    shelf: Shelf, keys: Keys, client: ClientSession
) -> None:
    shelf.files[TOKEN] = ServedFile(name="plot.png", data=PNG, picture_type="image/png")
    links = SignedLinks(public_url="https://example.com/math/bot", keys=keys, lifetime_s=60)
    app = web.Application()
    add_file_routes(app, shelf, links)
    path = urlsplit(await links.url(PLOT)).path
    assert path.startswith("/math/bot/files/")
    async with TestServer(app) as server:
        for each in (path, path.removeprefix("/math/bot")):
            async with client.get(URL(f"http://127.0.0.1:{server.port}{each}", encoded=True)) as answer:
                assert (answer.status, await answer.read()) == (200, PNG)


async def test_a_long_name_beyond_ascii_is_cut_in_its_link_which_opens_its_file(
    links: SignedLinks,
) -> None:
    url = await links.url(replace(PLOT, name="表" * 96 + ".csv"))
    assert len(url) < 400
    assert url.endswith(".csv")
    assert await links.token(url.split("/")[-2]) == PLOT.token


async def test_a_link_opens_its_file_until_its_lifetime_ends(
    shelf: Shelf, links: SignedLinks, clock: Clock, address: str, client: ClientSession
) -> None:
    shelf.files[TOKEN] = ServedFile(name="plot.png", data=PNG, picture_type="image/png")
    path = await signed(links)
    clock.now_s += 80 * DAY_S
    async with client.get(f"{address}/{path}") as answer:
        assert answer.status == 200
    clock.now_s += 11 * DAY_S
    async with client.get(f"{address}/{path}") as answer:
        assert (answer.status, (await answer.json())["error"]["code"]) == (410, "LinkExpired")
        assert answer.headers["Cache-Control"] == "no-store"
    async with client.get(f"{address}/{await signed(links)}") as answer:
        assert answer.status == 200


async def test_a_shorter_lifetime_ends_links_that_were_made_before(
    links: SignedLinks, keys: Keys, clock: Clock
) -> None:
    link = (await signed(links)).partition("/")[0]
    clock.now_s += 2 * DAY_S
    strict = SignedLinks(public_url="https://bot.example.com", keys=keys, lifetime_s=DAY_S, clock=clock)
    with pytest.raises(LinkRefusedError, match="expired"):
        await strict.token(link)
    assert await links.token(link) == TOKEN


@pytest.mark.parametrize("ahead_s", [3600.0, -3600.0])
async def test_clocks_of_replicas_may_differ(links: SignedLinks, clock: Clock, ahead_s: float) -> None:
    clock.now_s += ahead_s
    link = (await signed(links)).partition("/")[0]
    clock.now_s -= ahead_s
    assert await links.token(link) == TOKEN


async def test_a_link_that_a_wrong_clock_made_far_in_the_future_does_not_live_for_ever(
    links: SignedLinks, clock: Clock
) -> None:
    clock.now_s += 1_000 * DAY_S
    link = (await signed(links)).partition("/")[0]
    clock.now_s -= 1_000 * DAY_S
    with pytest.raises(LinkRefusedError):
        await links.token(link)


async def test_during_a_rotation_the_new_key_signs_and_both_open(links: SignedLinks, keys: Keys) -> None:
    before = (await signed(links)).partition("/")[0]
    keys.keys = (NEW_KEY, OLD_KEY)
    during = (await signed(links)).partition("/")[0]
    assert [await links.token(link) for link in (before, during)] == [TOKEN, TOKEN]
    keys.keys = (NEW_KEY,)
    assert await links.token(during) == TOKEN
    with pytest.raises(LinkRefusedError, match="not signed by this bot"):
        await links.token(before)


async def test_what_the_same_key_signed_for_another_purpose_opens_nothing(links: SignedLinks, clock: Clock) -> None:
    from itsdangerous import TimestampSigner

    for salt in (b"itsdangerous.Signer", b"another purpose"):
        for derivation in ("django-concat", "hmac", "none"):
            other = TimestampSigner(OLD_KEY, salt=salt, key_derivation=derivation)
            with pytest.raises(LinkRefusedError):
                await links.token(other.sign(TOKEN).decode())


async def test_every_change_of_a_link_is_refused(links: SignedLinks) -> None:
    link = (await signed(links)).partition("/")[0]
    token, made_at, signature = link.split(".")
    other = "Z" * 32
    forged = [
        f"{other}.{made_at}.{signature}",
        f"{token}.AAAAAA.{signature}",
        f"{token}.{made_at}.{'A' * 43}",
        f"{token}.{signature}",
        token,
        link + "=",
        link.upper(),
        f" {link}",
        "",
    ]
    for each in forged:
        with pytest.raises(LinkRefusedError):
            await links.token(each)


async def test_logs_hide_the_very_links_that_are_made(links: SignedLinks) -> None:  # trap 16
    url = await links.url(PLOT)
    link = url.split("/")[-2]
    assert re.fullmatch(LINK, link)
    for text in (url, f"GET {urlsplit(url).path} failed", f"link={link}", f'"{url}"', f"<{link}>"):
        hidden = redact_text(text)
        assert TOKEN not in hidden
        assert link[-20:] not in hidden
