"""Files that come in through the chat page's upload route."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
import pytest_asyncio

from adapters.webchat.uploads import KEPT_S
from bot.attachments import MAX_FILE_BYTES
from tests.support.waiting import until
from tests.support.web_chat_client import Chat, Site, running_site

_DEADLINE_S = 5.0
CSV = b"a,b\n1,2\n"
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20


@pytest_asyncio.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with running_site(tmp_path) as site:
        yield site


def form(*files: tuple[str, bytes], text: str = "Plot b against a", content_type: str = "text/csv") -> aiohttp.FormData:
    """As Web Chat posts it."""
    data = aiohttp.FormData(quote_fields=False)
    said = {"type": "message", "text": text, "channelData": {"clientActivityID": "c1"}, "attachments": [{"name": "x"}]}
    data.add_field("activity", orjson.dumps(said), content_type="application/vnd.microsoft.activity", filename="blob")
    for name, content in files:
        data.add_field("file", content, filename=name, content_type=content_type)
    return data


async def post(chat: Chat, data: Any, **headers: str) -> tuple[int, Any]:
    url = f"{chat.url}/upload?userId=user"
    async with chat.client.post(url, data=data, headers={**chat.allowed, **headers}) as response:
        return response.status, await response.json()


def kept(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in (folder / "uploads").glob("*/*")]


async def test_a_message_with_files_reaches_the_bot_with_their_addresses(site: Site) -> None:
    chat = await site.open()
    status, said = await post(chat, form(("a.csv", CSV), ("b.csv", b"c\n")))

    assert status == 200
    [heard] = site.bot.heard
    assert (heard["id"], heard["text"], heard["channelData"]) == (
        said["id"],
        "Plot b against a",
        {"clientActivityID": "c1"},
    )
    assert [file["name"] for file in heard["attachments"]] == ["a.csv", "b.csv"]
    async with site.client.get(heard["attachments"][0]["contentUrl"]) as response:
        assert await response.read() == CSV
    assert await chat.transcript() == [heard]


async def test_files_may_come_without_a_word_and_give_the_chat_its_title(site: Site) -> None:
    chat = await site.open()
    assert (await post(chat, form(("a.csv", CSV), text="")))[0] == 200
    assert [listed["title"] for listed in await site.chats()] == ["a.csv"]


async def test_what_is_served_back_can_do_nothing_in_a_browser(site: Site) -> None:
    chat = await site.open()
    await post(chat, form(("a.html", b"<script>alert(1)</script>"), content_type="text/html"))
    async with site.client.get(site.bot.heard[0]["attachments"][0]["contentUrl"]) as response:
        headers = response.headers
    assert headers["Content-Type"] == "application/octet-stream"
    assert headers["Content-Disposition"].startswith("attachment")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in headers["Content-Security-Policy"]


async def test_a_picture_is_served_as_what_it_is_whatever_the_page_calls_it(site: Site) -> None:
    chat = await site.open()
    await post(chat, form(("a.png", PNG), content_type="image/svg+xml"))
    async with site.client.get(site.bot.heard[0]["attachments"][0]["contentUrl"]) as response:
        assert response.headers["Content-Type"] == "image/png"


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("../../etc/passwd.csv", "passwd.csv"),
        ("C:\\data\\a.csv", "a.csv"),
        ("evil\u202evsc.exe.csv", "evil_vsc.exe.csv"),
        ("Größe – 你.csv", "Größe _ 你.csv"),
        ("x" * 300 + ".csv", "x" * 96 + ".csv"),
        ("[a](http:__b).csv", "_a_(http___b).csv"),
        (".csv", "csv"),
    ],
)
async def test_names_are_made_harmless(site: Site, tmp_path: Path, given: str, name: str) -> None:
    chat = await site.open()
    assert (await post(chat, form((given, CSV))))[0] == 200
    [attachment] = site.bot.heard[0]["attachments"]
    assert attachment["name"] == name
    assert kept(tmp_path) == [CSV]
    async with site.client.get(attachment["contentUrl"]) as response:
        assert await response.read() == CSV


async def endless(size_bytes: int) -> AsyncIterator[bytes]:
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="big.csv"\r\n\r\n'
    yield head
    for _ in range(size_bytes // 1_000_000):
        yield b"x" * 1_000_000
    yield b"\r\n--b--\r\n"


async def test_a_file_beyond_the_limit_is_refused_in_its_midst_and_the_person_is_told(
    site: Site, tmp_path: Path
) -> None:
    chat = await site.open()
    sent: list[int] = []

    async def counted() -> AsyncIterator[bytes]:
        async for chunk in endless(1_000_000_000):
            sent.append(len(chunk))
            yield chunk

    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    try:
        status, answer = await post(chat, counted(), **headers)
        assert (status, answer["error"]["code"]) == (413, "FileNotTaken")
    except aiohttp.ClientError:  # it was cut off while we were still sending
        pass
    assert sum(sent) < 2 * MAX_FILE_BYTES + 20_000_000
    [told] = await chat.transcript()
    assert (told["from"]["id"], told["text"]) == ("bot", "big.csv is larger than 50 MB, the most that I can take.")
    assert kept(tmp_path) == []
    assert site.bot.heard == []


async def test_a_form_that_says_it_is_too_large_is_refused_before_it_is_read(site: Site) -> None:
    chat = await site.open()
    headers = {"Content-Type": "multipart/form-data; boundary=b", "Content-Length": "1000000000"}
    parts = site.address.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(parts[0], int(parts[1]))
    lines = [f"POST /v3/directline/conversations/{chat.conversation}/upload HTTP/1.1", f"Host: {':'.join(parts)}"]
    lines += [f"{name}: {value}" for name, value in {**headers, **chat.allowed}.items()]
    writer.write("\r\n".join([*lines, "", ""]).encode())
    async with asyncio.timeout(_DEADLINE_S):
        assert b" 413 " in await reader.readline()
    writer.close()
    [told] = await chat.transcript()
    assert "10 files of 50 MB" in told["text"]


async def test_more_than_ten_files_are_refused_and_none_is_kept(site: Site, tmp_path: Path) -> None:
    chat = await site.open()
    status, answer = await post(chat, form(*[(f"{n}.csv", CSV) for n in range(11)]))
    assert (status, answer["error"]["message"]) == (413, "I can take at most 10 files with one message.")
    assert kept(tmp_path) == []


async def test_an_empty_file_is_refused(site: Site, tmp_path: Path) -> None:
    chat = await site.open()
    status, answer = await post(chat, form(("a.csv", b"")))
    assert (status, answer["error"]["message"]) == (413, "a.csv is empty.")
    assert kept(tmp_path) == []


NESTED = b"--b\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\n\r\nx\r\n--c--\r\n--b--\r\n"
PART = b'--b\r\nContent-Disposition: form-data; name="x"\r\n\r\n\r\n'
FILE = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\na,b\n'


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("text/plain", b"a,b", 415),
        ("multipart/form-data", b"a,b", 400),
        ("multipart/form-data; boundary=b", b"", 400),
        ("multipart/form-data; boundary=b", b"no parts at all", 400),
        ("multipart/form-data; boundary=b", NESTED, 400),
        ("multipart/form-data; boundary=b", FILE, 400),
        ("multipart/form-data; boundary=b", FILE + b"\r\n--b\r\nbroken header\r\n\r\nx\r\n--b--\r\n", 400),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="activity"\r\n\r\n{\r\n--b--\r\n',
            400,
        ),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="activity"\r\n\r\n[]\r\n--b--\r\n',
            400,
        ),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="activity"\r\n\r\n{}\r\n--b--\r\n',
            400,
        ),
        (
            "multipart/form-data; boundary=b",
            b'--b\r\nContent-Disposition: form-data; name="x"\r\n\r\n\r\n' * 2_000,
            413,
        ),
    ],
)
async def test_a_body_that_is_no_such_form_is_refused_and_leaves_nothing(  # the last: S23
    site: Site, tmp_path: Path, content_type: str, body: bytes, status: int
) -> None:
    chat = await site.open()
    assert (await post(chat, body, **{"Content-Type": content_type}))[0] == status
    assert kept(tmp_path) == []
    assert site.bot.heard == []
    assert await chat.transcript() == []


@pytest.mark.parametrize("content_type", [b"text/csv\xab", b"", b"image/<svg>", b"x" * 1000])
async def test_a_kind_that_is_no_word_of_the_web_is_left_out(site: Site, content_type: bytes) -> None:
    chat = await site.open()
    head, _, rest = FILE.partition(b"\r\n\r\n")
    body = head + b"\r\nContent-Type: " + content_type + b"\r\n\r\n" + rest + b"\r\n--b--\r\n"
    assert (await post(chat, body, **{"Content-Type": "multipart/form-data; boundary=b"}))[0] == 200
    [attachment] = site.bot.heard[0]["attachments"]
    assert (attachment["name"], attachment["contentType"]) == ("a.csv", "application/octet-stream")


async def test_a_connection_cut_in_mid_upload_leaves_nothing_and_is_no_error_of_ours(
    site: Site, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    chat = await site.open()
    host, port = site.address.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        f"POST /v3/directline/conversations/{chat.conversation}/upload HTTP/1.1\r\nHost: {host}:{port}\r\n"
        f"Authorization: Bearer {chat.token}\r\nContent-Length: 1000000\r\n"
        "Content-Type: multipart/form-data; boundary=b\r\n\r\n".encode()
        + FILE
        + b"x" * 300_000
    )
    await writer.drain()
    await until(lambda: [path.suffix for path in (tmp_path / "uploads").glob("*/*")] == [".part"])
    writer.transport.abort()
    await until(lambda: not list((tmp_path / "uploads").glob("*/*")))
    assert site.bot.heard == []
    for _ in range(3):  # the handler ends after it tidied up
        await site.chats()
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def test_files_of_a_message_that_the_bot_does_not_take_are_dropped(site: Site, tmp_path: Path) -> None:
    chat = await site.open()
    site.bot.status = 503
    assert (await post(chat, form(("a.csv", CSV))))[0] == 502
    assert kept(tmp_path) == []
    assert await chat.transcript() == []


async def test_only_the_page_itself_may_upload_and_only_with_its_token(site: Site, tmp_path: Path) -> None:
    chat = await site.open()
    for headers in (
        {"Origin": "https://evil.example"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Authorization": "Bearer nonsense"},
    ):
        assert (await post(chat, form(("a.csv", CSV)), **headers))[0] == 403
    assert not (tmp_path / "uploads").exists()


@pytest.mark.parametrize("token", ["x" * 32, "..%2F..%2Fwebchat.sqlite", "a", "%00" * 32])
async def test_an_address_that_was_never_given_out_has_no_file(site: Site, token: str) -> None:
    async with site.client.get(f"{site.address}/chat/uploads/{'c' * 16}/{token}/a.csv") as response:
        assert response.status == 404


async def test_files_go_after_thirty_days_and_what_a_crash_left_at_once(tmp_path: Path) -> None:
    uploads = tmp_path / "uploads" / ("c" * 16)
    uploads.mkdir(parents=True)
    old, cut = uploads / ("o" * 32), uploads / ("c" * 32 + ".part")
    for path in (old, cut):
        path.write_bytes(CSV)
    os.utime(old, (0, time.time() - KEPT_S - 60))
    async with running_site(tmp_path) as site:
        assert not cut.exists()
        await post(await site.open(), form(("a.csv", b"new")))
    assert kept(tmp_path) == [b"new"]


async def test_uploads_at_the_same_time_do_not_get_into_each_others_way(site: Site) -> None:
    chats = [await site.open() for _ in range(12)]
    posts = [post(chat, form(*((f"{number}.csv", CSV) for number in range(10)))) for chat in chats]
    assert {status for status, _ in await asyncio.gather(*posts)} == {200}


async def test_a_chat_that_is_deleted_takes_its_files_along(site: Site, tmp_path: Path) -> None:
    chat, other = await site.open(), await site.open()
    for each in (chat, other):
        assert (await post(each, form(("a.csv", CSV))))[0] == 200
    url = f"{site.address}/chat/conversations/{chat.conversation}"
    async with site.client.delete(url, headers=chat.allowed) as response:
        assert response.status == 204
    assert len(kept(tmp_path)) == 1
    for heard, status in zip(site.bot.heard, (404, 200), strict=True):
        async with site.client.get(heard["attachments"][0]["contentUrl"]) as response:
            assert response.status == status
