from __future__ import annotations

import json
from contextlib import aclosing

import pytest

from adapters.openai.client import Client, path_to
from adapters.openai.client import Endpoint as Address
from bot.errors import AssistantError, AssistantUnavailableError
from bot.log_ids import logging_for
from bot.run import Exchange, RunName
from tests.support.fake_assistants import Endpoint, FakeAssistants
from tests.support.fakes import ask
from tests.support.hosted_talk import MemoryStates, hosted_backend
from tests.support.impatient_client import RETRY, whole
from tests.support.openai_stand_in import KEY, Fault
from tests.support.openai_stand_in import KEY as RESPONSES_KEY
from tests.support.responses_service import ResponsesService


class Listener:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.exchanges: list[Exchange] = []

    def note(self, exchange: Exchange) -> None:
        self.exchanges.append(exchange)


def listened_to(service: FakeAssistants, listener: Listener, key: str = KEY) -> Client:
    return Client(endpoint=Address(base_url=service.base_url, api_key=key), retry=RETRY, listener=listener)


async def test_request_and_answer_are_told_with_the_turn_that_wanted_them() -> None:
    listener = Listener()
    async with FakeAssistants() as service:
        client = listened_to(service, listener)
        with logging_for(turn="1-m", conversation="c"):
            await client.post(path_to("threads"), {"metadata": {"a": "ü"}})
        await client.get(path_to("assistants"), {"limit": 5})
        await client.close()

    made, listed = listener.exchanges
    assert (made.turn, made.method, made.path, made.status) == ("1-m", "POST", "/threads", 200)
    assert made.asked == '{"metadata": {"a": "ü"}}'
    assert made.answered is not None
    assert '"thread_' in made.answered
    assert (listed.turn, listed.method, listed.path, listed.asked) == ("", "GET", "/assistants?limit=5", None)
    assert made.took_s > 0


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_an_error_is_told_with_its_status_and_body(method: str) -> None:
    listener = Listener()
    async with FakeAssistants() as service:
        client = listened_to(service, listener)
        with pytest.raises(AssistantError):
            await (client.get("/threads/none/runs/none") if method == "GET" else client.post("/threads/none/runs", {}))
        await client.close()

    exchange = listener.exchanges[-1]
    assert exchange.status == 404
    assert exchange.answered is not None
    assert exchange.answered.startswith("{")


async def test_a_call_without_an_answer_is_told_as_that() -> None:
    listener = Listener()
    async with FakeAssistants() as service:
        client = listened_to(service, listener)
        service.weather = lambda endpoint: Fault.RESET if endpoint is Endpoint.CREATE_THREAD else None
        with pytest.raises(AssistantUnavailableError):
            await client.post(path_to("threads"), {})
        await client.close()
    assert {(exchange.status, exchange.answered) for exchange in listener.exchanges} == {(None, None)}


async def test_a_key_is_told_nowhere_even_where_the_service_quotes_it() -> None:
    listener = Listener()
    async with FakeAssistants() as service:
        client = listened_to(service, listener, key="sk-quoted-key")
        service.weather = lambda _: None
        with pytest.raises(AssistantError):
            await client.get("/assistants/sk-quoted-key/x")
        with pytest.raises(AssistantError):
            await client.post("/threads", {"metadata": "sk-quoted-key"})
        await client.close()
    answers = "".join(exchange.answered or "" for exchange in listener.exchanges)
    assert "sk-quoted-key" not in answers


async def test_a_stream_is_told_at_its_end_with_its_last_event() -> None:
    listener = Listener()
    async with ResponsesService() as service:
        client = Client(endpoint=Address(base_url=service.base_url, api_key=RESPONSES_KEY, beta=""), listener=listener)
        backend = hosted_backend(service, client, MemoryStates())
        with logging_for(turn="1-m", conversation="c"):
            thread = await backend.open_thread(ask().conversation)
            run = await backend.start(thread, ask("hello"), RunName("turn 1"))
            assert [call.path for call in listener.exchanges] == ["/conversations"], "it is under way"
            async with aclosing(backend.follow(thread, run)) as events:
                assert [event async for event in events]
        await client.close()
    streamed = listener.exchanges[-1]
    assert (streamed.turn, streamed.method, streamed.path, streamed.status) == ("1-m", "POST", "/responses", 200)
    assert streamed.answered is not None
    last = json.loads(streamed.answered)
    assert (last["type"], last["response"]["status"]) == ("response.completed", "completed")
    assert "You said: hello" in streamed.answered


async def test_a_file_is_told_by_its_size() -> None:
    listener = Listener()
    async with FakeAssistants() as service:
        service.state.files["file-1"] = b"\x89PNG" * 1000
        client = listened_to(service, listener)
        await whole(client.download("/files/file-1/content", limit_bytes=10_000))
        await client.close()
    assert listener.exchanges[-1].answered == "4,000 bytes"
