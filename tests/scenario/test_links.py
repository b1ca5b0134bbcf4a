"""Links to plots: made when a part is sent, and opened by the bot's own port."""

from __future__ import annotations

import asyncio
import dataclasses
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from tests.scenario.conftest import Rig
from tests.scenario.test_story import SOLVE
from tests.support.connector_double import Fault
from tests.support.fakes import PNG

KEY = "hT4mPq8WzX2kVn6yRb0cJs7dLf3gAe9u"


def with_settings(rig: Rig, **environ: str) -> Rig:
    return dataclasses.replace(rig, environ={**rig.environ, **environ})


def on_disk(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.glob("teamsbot.sqlite*")))


async def test_a_part_that_waits_on_disk_holds_no_address_and_gets_today_s_when_it_is_sent(
    tutor_rig: Rig,
) -> None:
    before = with_settings(tutor_rig, PUBLIC_URL="https://before.example.com")
    tutor_rig.connector.weather = lambda: Fault(status=503)
    async with before.started() as person:
        assert (await person.say(SOLVE)).status == 202
        async with asyncio.timeout(60):
            while b"plot-1.png" not in on_disk(tutor_rig.data_dir):  # the reply is stored, and cannot be sent
                await asyncio.sleep(0.1)
    assert b"before.example.com" not in on_disk(tutor_rig.data_dir)
    tutor_rig.connector.weather = lambda: None
    posted = len(tutor_rig.connector.messages)
    async with with_settings(tutor_rig, PUBLIC_URL="https://after.example.com/bot").started() as person:
        messages = await person.connector.wait_for_messages(posted + 2, deadline_s=60)
        [card] = messages[-1].cards
        url = card["body"][0]["url"]
        assert url.startswith("https://after.example.com/bot/files/")
        own_port = URL(person.bot_url + urlsplit(url).path, encoded=True)
        async with person.session.get(own_port) as response:
            assert response.status == 200
            assert (await response.read()).startswith(PNG[:8])


async def test_a_link_works_after_a_restart_and_after_a_change_of_keys_with_both(tutor_rig: Rig) -> None:
    async with with_settings(tutor_rig, LINK_SIGNING_KEY=KEY, PORT="0").started() as person:
        _, plot = await person.ask(SOLVE, parts=2)
    path = urlsplit(plot.cards[0]["body"][0]["url"]).path

    async def status(**environ: str) -> int:
        async with (
            with_settings(tutor_rig, **environ).started() as person,
            person.session.get(URL(person.bot_url + path, encoded=True)) as response,
        ):
            return response.status

    new = KEY[::-1]
    assert await status(LINK_SIGNING_KEY=KEY) == 200
    assert await status(LINK_SIGNING_KEY=f"{new},{KEY}") == 200
    assert await status(LINK_SIGNING_KEY=new) == 404


async def test_a_token_without_its_signature_opens_nothing(tutor_rig: Rig, session: aiohttp.ClientSession) -> None:
    async with tutor_rig.started() as person:
        _, plot = await person.ask(SOLVE, parts=2)
        url = plot.cards[0]["body"][0]["url"]
        link = url.split("/")[-2]
        for bare in (link.split(".")[0], ".".join(link.split(".")[:2])):
            async with session.get(url.replace(link, bare)) as response:
                assert response.status == 404
