from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from adapters.embedded.models.port import ModelError, ModelReply, ModelRequest, OnWords
from adapters.webchat import bot_endpoint
from adapters.webchat.weather import LASTS_S, Kind, Weather
from service import chat_page
from service.chat_page import FaultyModel
from tests.support.web_chat_client import Chat, Site, running_site

_DEADLINE_S = 5.0


@pytest_asyncio.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with running_site(tmp_path) as site:
        yield site


async def switch(chat: Chat, kind: object, *, on: object = True, **headers: str) -> tuple[int, Any]:
    url = f"{chat.address}/chat/weather"
    async with chat.client.post(url, json={"kind": kind, "on": on}, headers={**chat.allowed, **headers}) as response:
        return response.status, await response.json()


def test_each_kind_ends_by_itself() -> None:
    now = [0.0]
    weather = Weather(clock=lambda: now[0])
    for kind in Kind:
        assert weather.left_s(kind) == 0
        weather.begin(kind)
        now[0] += LASTS_S[kind] - 0.1
        assert weather.strikes(kind)
        now[0] += 0.2
        assert not weather.strikes(kind)
    assert weather.to_json()["left_s"] == {}
    assert {note["kind"] for note in weather.to_json()["notes"]} == set(Kind)


async def test_a_switch_turns_a_kind_on_and_off_and_nothing_else(site: Site) -> None:
    chat = await site.open()
    status, told = await switch(chat, "model-429")
    assert (status, list(told["left_s"])) == (200, ["model-429"])
    assert (await switch(chat, "model-429", on=False))[1]["left_s"] == {}


@pytest.mark.parametrize(("kind", "on"), [("hail", True), (None, True), ([], True), ("model-429", "yes")])
async def test_weather_that_there_is_not_is_refused(site: Site, kind: object, on: object) -> None:
    assert (await switch(await site.open(), kind, on=on))[0] == 400


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://localhost:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Host": "evil.example"},
        {"X-Forwarded-For": "192.0.2.1"},
        {"Authorization": "Bearer nonsense"},
        {"Authorization": ""},
    ],
)
async def test_strangers_order_no_weather_and_kill_nothing(site: Site, headers: dict[str, str]) -> None:
    chat = await site.open()
    assert (await switch(chat, "model-429", **headers))[0] == 403
    async with chat.client.post(f"{chat.address}/chat/restart", json={}, headers={**chat.allowed, **headers}) as answer:
        assert answer.status == 403
    assert site.page.weather.to_json()["left_s"] == {}
    await asyncio.sleep(0.2)
    assert site.restarts == []


async def test_the_kill_comes_after_the_answer(site: Site) -> None:
    chat = await site.open()
    async with chat.client.post(f"{chat.address}/chat/restart", json={}, headers=chat.allowed) as answer:
        assert answer.status == 202
    async with asyncio.timeout(_DEADLINE_S):
        while not site.restarts:
            await asyncio.sleep(0.01)


async def test_every_open_page_is_told_of_a_change(site: Site) -> None:
    chat, other = await site.open(), await site.open()
    async with other.stream() as stream, asyncio.timeout(_DEADLINE_S):
        await switch(chat, "slow-model")
        [event] = (await stream.receive_json())["activities"]
    assert (event["type"], event["name"]) == ("event", "webchat/weather")


async def test_a_connector_that_is_down_keeps_nothing_and_says_502(site: Site) -> None:
    chat = await site.open()
    await chat.say("hello")
    site.page.weather.begin(Kind.CONNECTOR_DOWN)
    assert (await site.answer(chat, text="an answer"))[0] == 502
    site.page.weather.end(Kind.CONNECTOR_DOWN)
    assert (await site.answer(chat, text="an answer"))[0] == 201
    assert [activity["text"] for activity in await chat.transcript()] == ["hello", "an answer"]


async def test_the_same_message_is_delivered_again_in_its_weather_only(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bot_endpoint, "REDELIVERED_AFTER_S", 0.1)
    chat = await site.open()
    await chat.say("in the sun")
    site.page.weather.begin(Kind.REDELIVERY)
    await chat.say("in the rain")
    async with asyncio.timeout(_DEADLINE_S):
        while len(site.bot.heard) < 3:
            await asyncio.sleep(0.01)
    assert [heard["text"] for heard in site.bot.heard] == ["in the sun", "in the rain", "in the rain"]
    assert json.dumps(site.bot.heard[1]) == json.dumps(site.bot.heard[2])


class Prompt:
    """A model that answers at once."""

    sees = True

    async def complete(self, request: ModelRequest, on_words: OnWords | None = None) -> ModelReply:
        return ModelReply(text="42")

    async def close(self) -> None:
        pass


ASKED = ModelRequest(instructions="", messages=())


async def test_a_model_in_the_sun_answers_as_ever() -> None:
    model = FaultyModel(Prompt(), weather=Weather())
    assert (await model.complete(ASKED)).text == "42"
    assert model.sees


async def test_a_model_over_its_limit_says_when_to_try_again() -> None:
    weather = Weather()
    weather.begin(Kind.MODEL_LIMIT)
    with pytest.raises(ModelError, match=r"429.*try again in 5s") as refused:
        await FaultyModel(Prompt(), weather=weather).complete(ASKED)
    assert (refused.value.code, refused.value.retry_after_s) == ("rate_limit_exceeded", 5.0)


async def test_a_slow_model_answers_after_its_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat_page, "MODEL_PAUSE_S", 0.2)
    weather = Weather()
    weather.begin(Kind.SLOW_MODEL)
    began = asyncio.get_running_loop().time()
    assert (await FaultyModel(Prompt(), weather=weather).complete(ASKED)).text == "42"
    assert asyncio.get_running_loop().time() - began >= 0.2


def test_there_is_no_weather_where_others_can_reach_the_service(tmp_path: Path) -> None:
    from adapters.webchat.page import PageFacts
    from adapters.webchat.web_chat import WebChatSettings
    from bot.profiles import Speaker, SpeakerKind

    speaker = Speaker(kind=SpeakerKind.TUTOR, name="tutor")
    facts = PageFacts(assistant="a", assistant_id="a", speaker=speaker, can_connect=False)
    for address in ("http://192.0.2.1:3978", "http://0.0.0.0:3978", "https://bot.example.com"):
        with pytest.raises(ValueError, match="this machine alone"):
            WebChatSettings(
                key="k",
                address=address,
                files_url=address,
                uploads=tmp_path,
                bundle=tmp_path,
                highlighter=tmp_path,
                facts=facts,
            )
