"""An address at which no model can be asked is found at the start (ux 3.18)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port

from adapters.embedded.models import endpoint_check
from adapters.embedded.models.endpoint_check import find_endpoint_fault

MODELS = {"object": "list", "data": [{"id": "llama3.1"}]}


@asynccontextmanager
async def serving(answer: Callable[[web.Request], Awaitable[web.Response]]) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    async with TestServer(app) as server:
        yield str(server.make_url("")).rstrip("/")


async def fault(url: str) -> str | None:
    return await find_endpoint_fault(url, setting="OPENAI_BASE_URL", headers={"Authorization": "Bearer sk-secret"})


async def ollama(request: web.Request) -> web.Response:
    return web.json_response(MODELS) if request.path == "/v1/models" else web.Response(status=404)


async def lm_studio(request: web.Request) -> web.Response:
    return web.json_response(MODELS if request.path == "/v1/models" else {"error": "Unexpected endpoint or method."})


async def behind_a_key(request: web.Request) -> web.Response:
    return web.Response(status=401 if request.path == "/v1/models" else 404)


async def without_a_list(_: web.Request) -> web.Response:
    return web.Response(status=404)


async def a_proxy(_: web.Request) -> web.Response:
    return web.Response(text="<html>")


@pytest.mark.parametrize("server", [ollama, lm_studio, behind_a_key])
async def test_a_missing_v1_is_told_with_the_right_address(
    server: Callable[[web.Request], Awaitable[web.Response]],
) -> None:
    async with serving(server) as url:
        assert await fault(url) == f"OPENAI_BASE_URL lacks /v1 at its end: {url}/v1"
        assert await fault(f"{url}/v1") is None
        assert await fault(f"{url}/v1/") is None


async def test_the_path_of_the_call_itself_is_told() -> None:
    assert await fault("http://127.0.0.1:9/v1/chat/completions") == (
        "OPENAI_BASE_URL must end before /chat/completions: http://127.0.0.1:9/v1"
    )


async def test_an_address_where_nobody_answers_is_told() -> None:
    url = f"http://127.0.0.1:{unused_port()}/v1"
    assert await fault(url) == f"Nobody answers at {url}. Start the model's server, or check OPENAI_BASE_URL."


async def test_https_where_there_is_no_tls_and_a_name_without_a_host_are_told_apart_from_silence() -> None:
    async with serving(without_a_list) as url:
        assert "does not speak TLS" in (await fault(url.replace("http://", "https://")) or "")
    assert "no host of the name" in (await fault("http://model.invalid/v1") or "")


async def test_a_server_that_keeps_silent_delays_the_start_by_seconds_only(monkeypatch: pytest.MonkeyPatch) -> None:
    import asyncio

    async def silent(_: web.Request) -> web.Response:
        await asyncio.sleep(2)
        return web.Response()

    monkeypatch.setattr(endpoint_check, "DEADLINE_S", 0.2)
    async with serving(silent) as url:
        assert "Nobody answered" in (await fault(url) or "")


@pytest.mark.parametrize("server", [without_a_list, a_proxy])
async def test_what_a_server_does_not_say_about_itself_is_not_guessed(
    server: Callable[[web.Request], Awaitable[web.Response]],
) -> None:
    async with serving(server) as url:
        assert await fault(f"{url}/api") is None
