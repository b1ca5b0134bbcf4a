from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from httpkit.loopback import is_loopback_url
from tests.support.teams_client import Door, open_door, recorded


@pytest_asyncio.fixture
async def door() -> AsyncIterator[Door]:
    async with open_door() as door:
        yield door


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "LOCALHOST:3978", "127.0.0.1:3978", "[::1]", "[::1]:3978", "localhost:1"]
)
async def test_every_name_of_this_machine_is_served(door: Door, host: str) -> None:
    assert (await door.post(recorded("personal"), Host=host))[0] == 202


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:3978",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "localhost.",
        "127.0.0.2",
        "0.0.0.0",  # noqa: S104 - a name in a header
        "2130706433",
        "127.1",
        "::1",
        "[::ffff:127.0.0.1]",
        "localhost@evil.example",
        "localhost:3978, evil.example",
        "192.168.1.5:3978",
        "localhost:",
    ],
)
async def test_any_other_name_is_a_stranger(door: Door, host: str) -> None:
    status, answer = await door.post(recorded("personal"), Host=host)

    assert (status, answer["error"]["code"]) == (403, "NotLocal")
    assert "Host" in answer["error"]["message"]


@pytest.mark.parametrize(
    ("head", "status"),
    [
        ("POST /api/messages HTTP/1.0\r\n", 403),
        ("POST /api/messages HTTP/1.0\r\nHost: \r\n", 403),
        ("POST /api/messages HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n", 400),
        ("POST http://evil.example/api/messages HTTP/1.1\r\nHost: localhost\r\n", 403),
        ("POST http://localhost/api/messages HTTP/1.1\r\nHost: localhost\r\n", 403),
        ("POST /api/messages HTTP/1.1\r\nHost: localhost\r\nOrigin: http://localhost\r\nOrigin: null\r\n", 403),
        ("POST /api/messages HTTP/1.1\r\nHost: localhost\r\n", 202),
    ],
)
async def test_ambiguous_requests_are_refused(door: Door, head: str, status: int) -> None:
    body = json.dumps(recorded("personal")).encode()
    rest = f"Connection: close\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"

    answer = await door.raw((head + rest).encode() + body)

    assert int(answer.split(b" ")[1]) == status


@pytest.mark.parametrize(
    "header",
    [
        *("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "x-forwarded-anything"),
        *("X-Real-IP", "Via", "CF-Connecting-IP", "X-Original-Host", "X-Forwarded", "True-Client-IP", "X-Client-IP"),
        "Tailscale-User-Login",
    ],
)
async def test_what_a_tunnel_or_proxy_passed_on_is_refused(door: Door, header: str) -> None:  # S15
    status, answer = await door.post(recorded("personal"), **{header: "127.0.0.1"})

    assert status == 403
    assert "proxy or tunnel" in answer["error"]["message"]


@pytest.mark.parametrize("origin", ["http://localhost:3978", "http://127.0.0.1", "http://[::1]:9", "https://localhost"])
async def test_a_page_of_this_machine_may_ask(door: Door, origin: str) -> None:
    assert (await door.post(recorded("personal"), Origin=origin))[0] == 202


@pytest.mark.parametrize(
    "origin",
    ["null", "", "https://evil.example", "http://localhost.evil.example", "http://localhost@evil.example", "file://"],
)
async def test_a_page_of_another_site_may_not(door: Door, origin: str) -> None:
    status, answer = await door.post(recorded("personal"), Origin=origin)

    assert status == 403
    assert "origin" in answer["error"]["message"]
    assert door.accepted.messages == []


async def test_the_guard_stands_before_every_path_and_method(door: Door) -> None:
    address = f"http://127.0.0.1:{door.port}/no/such/page"
    async with door.client.get(address, headers={"Host": "evil.example"}) as response:
        assert response.status == 403


async def test_an_authorization_header_changes_nothing(door: Door) -> None:
    assert (await door.post(recorded("personal"), Authorization="Bearer x"))[0] == 202
    assert (await door.post(recorded("personal"), Authorization="Bearer x", Host="evil.example"))[0] == 403


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:56150/_connector",
        "http://127.0.0.1:1/",
        "http://[::1]:8080/a/b.c",
        "http://localhost",
        "http://localhost:41150/emea/",
    ],
)
def test_a_connector_on_this_machine_is_trusted(url: str) -> None:
    assert is_loopback_url(url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "https://localhost/",
        "http://evil.example/",
        "https://smba.trafficmanager.net/teams/",
        "http://localhost.evil.example/",
        "http://localhost@evil.example/",
        "http://localhost:80@evil.example/",
        "http://evil.example#@localhost/",
        "http://evil.example\\@localhost/",
        "http://localhost\\.evil.example/",
        "http://localhost./",
        "http://127.0.0.1.evil.example",
        "http://127.0.0.2/",
        "http://127.1/",
        "http://0/",
        "http://2130706433/",
        "http://[::ffff:127.0.0.1]/",
        "http://LOCALHOST/",
        "http://localhost/?a=b",
        "http://localhost/#a",
        "http://localhost/%2e%2e",
        "http://localhost//evil.example",
        "http://localhost:999999/",
        " http://localhost/",
        "http://localhost/\n",
        "http://localhost\t/",
        "http://ⓛocalhost/",
        "ftp://localhost/",
        "//localhost/",
        "localhost:3978",
    ],
)
async def test_anything_that_is_not_plainly_this_machine_is_not(door: Door, url: str) -> None:
    assert not is_loopback_url(url)
    status, answer = await door.post(recorded("personal", serviceUrl=url))
    assert (status, answer["error"]["code"]) == (403, "ForeignServiceUrl")
