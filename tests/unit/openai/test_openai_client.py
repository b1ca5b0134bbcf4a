"""Calls to the service: deaf to the environment, bounded in time and size, repeated only where that does no harm."""

from __future__ import annotations

import asyncio
import gzip
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import openai
import pytest
from aiohttp import web

from adapters.openai.client import Client, Endpoint, RetryPolicy, path_to
from bot.errors import AssistantError, AssistantRefusedError, AssistantUnavailableError
from tests.support.certificates import write_certificate
from tests.support.impatient_client import whole

KEY = "sk-secret"
BOMB = gzip.compress(b"x" * 5_000_000)
QUICK = RetryPolicy(max_attempts=3, first_pause_s=0.01)
IMPATIENT = replace(QUICK, call_deadline_s=0.4, download_deadline_s=0.4, total_deadline_s=5)


class Service:
    """A server that answers as told and remembers the requests."""

    def __init__(self, answer: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> None:
        self.requests: list[web.Request] = []
        self.answer = answer
        self.url = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        await request.read()
        self.requests.append(request)
        return await self.answer(request)


@asynccontextmanager
async def serving(answer: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> AsyncIterator[Service]:
    service = Service(answer)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", service.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    service.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    try:
        yield service
    finally:
        await runner.cleanup()


@asynccontextmanager
async def calling(service: Service, retry: RetryPolicy = QUICK, **settings: object) -> AsyncIterator[Client]:
    endpoint = {"base_url": service.url, "api_key": KEY, **settings}
    client = Client(endpoint=Endpoint(**endpoint), retry=retry)  # type: ignore[arg-type]  # from keywords of tests
    try:
        yield client
    finally:
        await client.close()


async def fine(_request: web.Request) -> web.Response:
    return web.json_response({"id": "x"})


async def test_the_environment_cannot_change_what_the_settings_said(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "OPENAI_API_KEY": "sk-other",
        "OPENAI_ADMIN_KEY": "sk-admin",
        "OPENAI_ORG_ID": "org-other",
        "OPENAI_PROJECT_ID": "proj-other",
        "OPENAI_BASE_URL": "http://127.0.0.1:1/v1",
        "OPENAI_API_VERSION": "other",
        "OPENAI_CUSTOM_HEADERS": "X-Other: yes\nAuthorization: Bearer sk-third\nUser-Agent: other",
        "AZURE_OPENAI_API_KEY": "other",
        "AZURE_OPENAI_ENDPOINT": "http://127.0.0.1:1",
        "HTTP_PROXY": "http://127.0.0.1:1",
        "HTTPS_PROXY": "http://127.0.0.1:1",
        "ALL_PROXY": "http://127.0.0.1:1",
        "http_proxy": "http://127.0.0.1:1",
        "NO_PROXY": "",
    }.items():
        monkeypatch.setenv(name, value)
    async with serving(fine) as service, calling(service) as client:
        await client.post("/threads", {})
    sent = service.requests[0].headers
    assert sent["Authorization"] == f"Bearer {KEY}"
    assert (sent["User-Agent"], sent["OpenAI-Beta"]) == ("teams-assistants-bot", "assistants=v2")
    assert not {"openai-organization", "openai-project", "x-other", "api-key"} & {name.lower() for name in sent}
    assert "other" not in str(dict(sent))
    assert service.requests[0].path_qs == "/v1/threads"


async def test_azure_is_given_its_key_and_version_in_its_own_way() -> None:
    async with serving(fine) as service, calling(service, api_version="2025-04-01-preview", azure_key=True) as client:
        await client.get("/threads/t/runs", {"limit": 3})
    request = service.requests[0]
    assert (request.headers["api-key"], "Authorization" in request.headers) == (KEY, False)
    assert dict(request.query) == {"api-version": "2025-04-01-preview", "limit": "3"}


def test_the_key_is_in_no_repr() -> None:
    endpoint = Endpoint(base_url="https://ai.example/v1", api_key=KEY)
    assert KEY not in repr(endpoint)
    assert KEY not in repr(Client(endpoint=endpoint))


async def test_a_redirect_is_not_followed_for_it_would_carry_the_key_away() -> None:
    async def away(request: web.Request) -> web.StreamResponse:
        raise web.HTTPTemporaryRedirect("http://127.0.0.1:1/stolen")

    async with serving(away) as service, calling(service, azure_key=True) as client:
        with pytest.raises(AssistantRefusedError):
            await client.get("/threads")
        with pytest.raises(AssistantRefusedError):
            await client.post("/threads", {})


async def test_a_name_stays_one_name_whatever_it_holds() -> None:
    async with serving(fine) as service, calling(service) as client:
        await client.get(path_to("files", "../../admin?x=1#y z", "content"))
    assert service.requests[0].raw_path == "/v1/files/..%2F..%2Fadmin%3Fx%3D1%23y%20z/content"


async def test_reading_is_repeated_while_the_service_is_unwell() -> None:
    states = iter([503, 429, 200])

    async def recovering(_request: web.Request) -> web.Response:
        return web.json_response({"id": "x"}, status=next(states))

    async with serving(recovering) as service, calling(service) as client:
        assert (await client.get("/threads/t")).body == {"id": "x"}
    assert len(service.requests) == 3


async def test_reading_gives_up_after_some_tries() -> None:
    async def unwell(_request: web.Request) -> web.Response:
        return web.Response(status=500)

    async with serving(unwell) as service, calling(service) as client:
        with pytest.raises(AssistantUnavailableError):
            await client.get("/threads/t")
    assert len(service.requests) == QUICK.max_attempts


@pytest.mark.parametrize("status", [500, 502, 408, 409])
async def test_a_post_is_not_repeated_when_it_may_have_been_done(status: int) -> None:
    async def unwell(_request: web.Request) -> web.Response:
        return web.Response(status=status)

    async with serving(unwell) as service, calling(service) as client:
        with pytest.raises(AssistantUnavailableError):
            await client.post("/threads/t/runs", {})
        assert len(service.requests) == 1
        with pytest.raises(AssistantUnavailableError):
            await client.post("/threads", {}, repeatable=True)
    assert len(service.requests) == 1 + QUICK.max_attempts


async def test_a_post_that_was_turned_away_is_repeated_when_the_service_wishes() -> None:
    states = iter([429, 200])

    async def busy(_request: web.Request) -> web.Response:
        return web.json_response({"id": "x"}, status=next(states), headers={"retry-after-ms": "150"})

    async with serving(busy) as service, calling(service) as client:
        began = time.monotonic()
        await client.post("/threads/t/runs", {})
    assert len(service.requests) == 2
    assert time.monotonic() - began > 0.15


async def test_a_wish_to_wait_for_longer_than_we_have_is_told_at_once() -> None:
    async def busy(_request: web.Request) -> web.Response:
        return web.Response(status=429, headers={"retry-after": "3600"})

    async with serving(busy) as service, calling(service) as client:
        with pytest.raises(AssistantUnavailableError) as caught:
            await client.post("/threads", {})
    assert (caught.value.retry_after_s, len(service.requests)) == (3600, 1)


async def test_a_service_that_is_not_there_is_tried_again_for_a_post_too() -> None:
    async with serving(fine) as service:
        pass
    async with calling(service) as client:
        began = time.monotonic()
        with pytest.raises(AssistantUnavailableError, match="cannot be reached"):
            await client.post("/threads", {})
    assert time.monotonic() - began > QUICK.first_pause_s


async def drip(request: web.Request) -> web.StreamResponse:
    """Bytes, one at a time, for ever: no read ever times out."""
    answer = web.StreamResponse()
    await answer.prepare(request)
    for _ in range(200):
        await answer.write(b" ")
        await asyncio.sleep(0.05)
    return answer


async def silent(_request: web.Request) -> web.Response:
    await asyncio.sleep(60)
    return web.Response()


@pytest.mark.parametrize("answer", [drip, silent])
async def test_every_call_ends_at_its_deadline(answer: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> None:
    async with serving(answer) as service, calling(service, IMPATIENT) as client:
        for call in (
            client.get_once("/x", within_s=0.2),
            client.post("/x", {}),
            whole(client.download("/x", limit_bytes=10_000)),
        ):
            began = time.monotonic()
            with pytest.raises(AssistantUnavailableError):
                await call
            assert time.monotonic() - began < 20  # some 1.2 alone, and not the 60 of the service


async def flood(_request: web.Request) -> web.Response:
    return web.Response(body=b"x" * 2_000_000)


async def bomb(_request: web.Request) -> web.Response:
    return web.Response(body=BOMB, headers={"Content-Encoding": "gzip"})


@pytest.mark.parametrize("answer", [flood, bomb])
async def test_a_download_ends_at_its_size(answer: Callable[[web.Request], Awaitable[web.Response]]) -> None:
    async with serving(answer) as service, calling(service) as client:
        with pytest.raises(AssistantError, match="more than 1000000 bytes"):
            await whole(client.download("/files/f/content", limit_bytes=1_000_000))
        assert len(service.requests) == 1, "it will not be smaller next time"


async def test_a_download_goes_on_where_its_connection_broke_and_gives_no_byte_twice() -> None:
    content = bytes(range(256)) * 2_000

    async def breaking(request: web.Request) -> web.StreamResponse:
        """Each connection brings more, and the third all."""
        response = web.StreamResponse(headers={"Content-Length": str(len(content))})
        await response.prepare(request)
        ends_at = len(content) * len(service.requests) // 3
        for at in range(0, ends_at, 10_000):
            await response.write(content[at : min(at + 10_000, ends_at)])
        if ends_at < len(content):
            assert request.transport is not None
            request.transport.close()
        return response

    async with serving(breaking) as service, calling(service) as client:
        assert await whole(client.download("/files/f/content", limit_bytes=1_000_000)) == content
        assert len(service.requests) == 3


async def test_a_download_of_just_the_limit_is_whole() -> None:
    async with serving(flood) as service, calling(service) as client:
        assert len(await whole(client.download("/files/f/content", limit_bytes=2_000_000))) == 2_000_000


@pytest.mark.parametrize("body", [b"", b"<html>", b"\xff\xfe", b"[" * 100_000, b"9" * 10_000, b'{"a": '])
async def test_an_answer_that_is_no_json_counts_as_unwell(body: bytes) -> None:
    async def garbage(_request: web.Request) -> web.Response:
        return web.Response(body=body, content_type="application/json")

    async with serving(garbage) as service, calling(service) as client:
        with pytest.raises(AssistantUnavailableError):
            await client.get("/threads/t")
        assert len(service.requests) == QUICK.max_attempts


@pytest.mark.parametrize(
    ("body", "expected", "calls"),
    [
        ({"error": {"message": "no", "code": "insufficient_quota"}}, AssistantRefusedError, 1),
        ({"error": {"message": "no", "code": 401}}, AssistantRefusedError, 1),
        ([{"error": {"message": "no", "code": 404, "status": "NOT_FOUND"}}], AssistantRefusedError, 1),
        ({"error": "upstream timed out"}, AssistantUnavailableError, QUICK.max_attempts),
        ({"error": {"message": "slow down", "code": 429}}, AssistantUnavailableError, QUICK.max_attempts),
    ],
)
async def test_an_error_with_status_200_is_the_error_that_it_says(
    body: object, expected: type[AssistantError], calls: int
) -> None:
    async def disguised(_request: web.Request) -> web.Response:
        return web.json_response(body)

    async with serving(disguised) as service, calling(service) as client:
        with pytest.raises(expected):
            await client.get("/assistants")
    assert len(service.requests) == calls


def sending(*pieces: bytes) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def send(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for piece in pieces:
            await response.write(piece)
        return response

    return send


@pytest.mark.parametrize(
    "error",
    [
        b'event: error\ndata: {"type": "error", "code": "insufficient_quota", "message": "no"}\n\n',
        b'event: error\ndata: {"type": "error", "error": {"type": "insufficient_quota", "message": "no"}}\n\n',
        b'data: {"error": {"message": "no", "code": "insufficient_quota"}}\r\n\r\n',
    ],
)
async def test_a_stream_that_begins_with_an_error_is_that_error(error: bytes) -> None:
    async with serving(sending(error)) as service, calling(service) as client:
        with pytest.raises(AssistantRefusedError) as caught:
            await client.post_for_stream("/responses", {})
    assert (caught.value.code, len(service.requests)) == ("assistant_refused_quota", 1)


async def test_signs_of_life_before_the_first_event_are_passed_over() -> None:
    first = b'event: response.created\ndata: {"type": "response.created",\ndata: "response": {"id": "resp_1"}}\n\n'
    signs = (b"\xef\xbb\xbf: hello\n\n", b"event: ping\n\n", b"data:\n\n", b'event: ping\ndata: {"type": "ping"}\n\n')
    async with serving(sending(*signs, first)) as service, calling(service) as client:
        reply, stream = await client.post_for_stream("/responses", {})
        assert stream is not None
        assert await stream.next(within_s=30) is None
        await stream.close()
    assert reply.body == {"type": "response.created", "response": {"id": "resp_1"}}


async def test_a_certificate_that_is_not_trusted_is_told_and_not_tried_again(tmp_path: Path) -> None:
    certificate, key = write_certificate(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    app = web.Application()
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    url = f"https://127.0.0.1:{runner.addresses[0][1]}/v1"
    client = Client(endpoint=Endpoint(base_url=url, api_key=KEY), retry=QUICK)
    try:
        with pytest.raises(
            AssistantRefusedError, match="certificate of the assistant's service is not trusted"
        ) as told:
            await client.get("/threads/t")
        assert "SSL_CERT_FILE" in told.value.fix
    finally:
        await client.close()
        await runner.cleanup()


@pytest.mark.parametrize(("header", "expected_s"), [("250", 0.25), ("soon", None), ("-1", None), ("9" * 99, None)])
async def test_a_wish_for_the_next_look_is_passed_on(header: str, expected_s: float | None) -> None:
    async def wishing(_request: web.Request) -> web.Response:
        return web.json_response({}, headers={"openai-poll-after-ms": header})

    async with serving(wishing) as service, calling(service) as client:
        assert (await client.get_once("/x", within_s=30)).poll_after_s == expected_s


def test_the_package_still_has_the_methods_that_we_do_without() -> None:
    """A canary: nothing here breaks when they go, but the protocol's end is nearer then."""
    if not hasattr(openai.resources.beta, "Threads"):
        pytest.skip("the openai package has dropped its Assistants methods; the low-level calls go on")
