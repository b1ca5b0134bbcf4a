from __future__ import annotations

import pytest

from adapters.openai.client import Client, path_to
from adapters.openai.client import Endpoint as Address
from bot.errors import AssistantError, AssistantUnavailableError
from bot.exchange import Exchange
from bot.log_ids import logging_for
from tests.support.fake_assistants import KEY, Endpoint, FakeAssistants, Fault
from tests.support.impatient_client import RETRY, whole


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


async def test_a_file_is_told_by_its_size() -> None:
    listener = Listener()
    async with FakeAssistants() as service:
        service.state.files["file-1"] = b"\x89PNG" * 1000
        client = listened_to(service, listener)
        await whole(client.download("/files/file-1/content", limit_bytes=10_000))
        await client.close()
    assert listener.exchanges[-1].answered == "4,000 bytes"
