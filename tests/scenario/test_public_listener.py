"""What strangers can reach when the bot serves Teams. Tokens are not the subject here: any caller counts as proven."""

from __future__ import annotations

import re
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from adapters.teams.authentication import LoopbackAuthentication
from adapters.teams.endpoint import MessagesEndpoint
from adapters.teams.handler import TeamsDispatch
from httpkit.http_server import listening
from service import server
from service.code_sandbox import SandboxTooWeakError
from service.compose import Bot
from service.greeting import Started
from service.listen_socket import url_of
from service.settings import Settings
from tests.scenario.conftest import Person
from tests.support.connector_double import StandInConnector

PUBLIC = {"/api/messages", "/files/{link}/{name}", "/healthz", "/readyz"}
FROM_A_PROXY = {
    "Host": "bot.example.com",
    "Forwarded": "for=192.0.2.1;host=evil.example;proto=https",
    "X-Forwarded-For": "192.0.2.1",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Proto": "https",
}


def any_caller(settings: Settings, bot: Bot) -> MessagesEndpoint:
    return MessagesEndpoint(dispatch=TeamsDispatch(bot.intake), authentication=LoopbackAuthentication())


class Listeners:
    """The public listener, and the chat page's."""

    def __init__(self) -> None:
        self.apps: list[tuple[web.Application, str]] = []
        self.started: Started | None = None

    @property
    def public_url(self) -> str:
        return self.apps[0][1]

    @property
    def page_url(self) -> str:
        return self.apps[1][1]


@asynccontextmanager
async def listeners(
    folder: Path, monkeypatch: pytest.MonkeyPatch, *, chat_page: bool = True, environ: dict[str, str] | None = None
) -> AsyncIterator[Listeners]:
    opened = Listeners()

    @asynccontextmanager
    async def remembered(app: web.Application, port: socket.socket, *, backlog: int) -> AsyncIterator[None]:
        opened.apps.append((app, url_of(port)))
        async with listening(app, port, backlog=backlog):
            yield

    monkeypatch.setattr(server, "listening", remembered)
    monkeypatch.setattr(server, "authenticated_endpoint", any_caller)
    settings = Settings.read({"DATA_DIR": str(folder), "PORT": "0"} | (environ or {}), Path("no .env file"))
    settings = replace(settings, is_public=True, chat_page_port=0 if chat_page else None)
    async with AsyncExitStack() as stack:
        opened.started = await stack.enter_async_context(server.open_service(settings))
        yield opened


async def test_every_route_of_the_chat_page_and_its_switches_is_unknown_to_the_public_listener(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, session: aiohttp.ClientSession
) -> None:  # trap 6
    async with listeners(tmp_path / "data", monkeypatch) as opened:
        public, page = (app for app, _ in opened.apps)
        assert {resource.canonical for resource in public.router.resources()} == PUBLIC
        routes = {(route.method, route.resource.canonical) for route in page.router.routes() if route.resource}
        hidden = {(method, path) for method, path in routes if path not in PUBLIC}
        assert {"/", "/chat/restart", "/chat/weather", "/chat/tokens"} <= {path for _, path in hidden}
        for method, path in sorted(hidden):
            address = opened.public_url + re.sub(r"\{[^}]+\}", "1", path)
            for headers in ({}, {"Host": "127.0.0.1:3978"}, {"Host": "localhost", "Origin": "http://localhost"}):
                async with session.request(method, address, headers=headers) as response:
                    assert (response.status, path) == (404, path)


async def test_the_page_has_a_loopback_socket_of_its_own_that_a_proxy_cannot_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, session: aiohttp.ClientSession
) -> None:
    async with listeners(tmp_path / "data", monkeypatch) as opened:
        assert opened.started is not None
        assert opened.started.chat_url == f"{opened.page_url}/"
        assert opened.page_url.startswith("http://127.0.0.1:")
        assert opened.page_url != opened.public_url
        async with session.get(opened.page_url) as response:
            assert response.status == 200
        for headers in ({"Host": "bot.example.com"}, {"X-Forwarded-For": "192.0.2.1"}):
            async with session.get(opened.page_url, headers=headers) as response:
                assert response.status == 403


async def test_without_a_chat_page_there_is_one_listener(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with listeners(tmp_path / "data", monkeypatch, chat_page=False) as opened:
        assert len(opened.apps) == 1
        assert opened.started is not None
        assert opened.started.chat_url is None


async def test_each_route_is_also_found_below_the_path_of_the_public_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, session: aiohttp.ClientSession
) -> None:
    below = {"PUBLIC_URL": "https://apps.example.com/teams/bot"}
    async with listeners(tmp_path / "data", monkeypatch, chat_page=False, environ=below) as opened:
        public, _ = opened.apps[0]
        prefixed = {f"/teams/bot{path}" for path in PUBLIC}
        assert {resource.canonical for resource in public.router.resources()} == PUBLIC | prefixed
        for path in ("/readyz", "/teams/bot/readyz"):  # a proxy may take the path away or leave it
            async with session.get(f"{opened.public_url}{path}") as response:
                assert response.status == 200
        endpoint, headers = f"{opened.public_url}/teams/bot/api/messages", {"Content-Type": "application/json"}
        async with session.post(endpoint, data=b"no JSON", headers=headers) as response:
            assert (response.status, (await response.json())["error"]["code"]) == (400, "MalformedJson")


async def test_the_headers_of_a_proxy_are_neither_believed_nor_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, session: aiohttp.ClientSession, connector: StandInConnector
) -> None:
    async with listeners(tmp_path / "data", monkeypatch) as opened:
        session.headers.update(FROM_A_PROXY)
        async with session.get(f"{opened.public_url}/readyz") as response:
            assert response.status == 200
        person = Person(session=session, bot_url=opened.public_url, connector=connector)
        [text, plot] = await person.ask("Plot x^2 + 3.", parts=2)
        assert text.text
        [card] = plot.cards
        assert card["body"][0]["url"].startswith(f"{opened.public_url}/files/")
        assert "evil.example" not in str(plot.activity) + str(text.activity)


async def test_the_health_routes_name_no_version_setting_or_host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, session: aiohttp.ClientSession
) -> None:
    async with listeners(tmp_path / "data", monkeypatch) as opened:
        async with session.get(f"{opened.public_url}/healthz") as response:
            assert (response.status, await response.json()) == (200, {"status": "alive"})
        async with session.get(f"{opened.public_url}/readyz") as response:
            body = await response.json()
            assert (response.status, body["status"], set(body)) == (200, "ready", {"status", "sandbox"})
            assert body["sandbox"] in {"bubblewrap", "landlock"}
            assert "Server" not in response.headers


@pytest.mark.parametrize("demanded", ["landlock", "bubblewrap"])
async def test_a_bot_with_an_app_id_does_not_start_below_the_isolation_that_is_demanded(
    tmp_path: Path, demanded: str
) -> None:  # trap 20
    no_python = {"DATA_DIR": str(tmp_path / "data"), "PORT": "0", "TEAMSBOT_SANDBOX_PYTHON": "/bin/true"}
    settings = Settings.read(no_python | {"SANDBOX_AT_LEAST": demanded}, Path("no .env file"))
    with pytest.raises(SandboxTooWeakError, match="The sandbox's Python /bin/true does not answer"):
        async with server.open_service(replace(settings, is_public=True)):
            pass
    async with server.open_service(settings) as started:  # without an app id only code is refused
        assert started.isolation is None


async def test_a_bot_with_an_app_id_and_no_authentication_does_not_start(tmp_path: Path) -> None:
    settings = Settings.read({"DATA_DIR": str(tmp_path / "data"), "PORT": "0"}, Path("no .env file"))
    with pytest.raises(AssertionError, match="callers are authenticated"):
        async with server.open_service(replace(settings, is_public=True)):
            pass
