"""The story with plots in Azure Blob Storage, as the real bot serves them; and what people see when it is down."""

from __future__ import annotations

import asyncio
import dataclasses
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from azure.storage.blob.aio import ContainerClient

from scripts.node import Node
from tests.scenario.conftest import Rig
from tests.scenario.test_story import CONCAVE, SOLVE, fetch_picture
from tests.support.azurite_storage import Azurite, running_storage
from tests.support.waiting import until


@pytest.fixture
def azurite(azurite_node: Node, tmp_path: Path) -> Iterator[Azurite]:
    with running_storage(azurite_node, tmp_path) as started:
        yield started


@pytest.fixture
def blob_rig(tutor_rig: Rig, azurite: Azurite) -> Rig:
    return dataclasses.replace(
        tutor_rig,
        environ={"AZURE_STORAGE_CONNECTION_STRING": azurite.connection_string, "AZURE_STORAGE_CONTAINER": "plots"},
    )


async def test_the_plot_lies_in_the_container_and_comes_from_the_bot(blob_rig: Rig, azurite: Azurite) -> None:
    async with blob_rig.started() as person:
        _, plot = await person.ask(SOLVE, parts=2)
        [card] = plot.cards
        picture = await fetch_picture(person, card)
        assert struct.unpack(">II", picture[16:24]) > (300, 200)
    async with ContainerClient.from_connection_string(azurite.connection_string, "plots") as container:
        blobs = [blob async for blob in container.list_blobs()]
        token = card["body"][0]["url"].split("/")[-2].partition(".")[0]
        [points] = {blob.name for blob in blobs} - {"link-key", token}  # the plot's points, as csv
        assert (await (await container.download_blob(points)).readall()).startswith(b"x,")
        assert token in {blob.name for blob in blobs}
    assert not (blob_rig.data_dir / "files").exists()


async def test_a_plot_from_before_is_served_after_a_restart_on_an_empty_disk(blob_rig: Rig, tmp_path: Path) -> None:
    async with blob_rig.started() as person:
        _, plot = await person.ask(SOLVE, parts=2)
        [card] = plot.cards
        before = await fetch_picture(person, card)
    path = "/files/" + card["body"][0]["url"].split("/files/")[1]
    async with (
        dataclasses.replace(blob_rig, data_dir=tmp_path / "new").started() as person,
        person.session.get(person.bot_url + path) as answer,
    ):
        assert (answer.status, await answer.read()) == (200, before)


async def test_storage_that_dies_costs_the_plot_and_one_sentence_and_nothing_else(
    blob_rig: Rig, azurite: Azurite
) -> None:
    impatient = dataclasses.replace(blob_rig, environ={**blob_rig.environ, "STORAGE_WAIT_S": "1"})
    async with impatient.started() as person:
        _, plot = await person.ask(SOLVE, parts=2)
        azurite.kill()
        began_s = time.monotonic()
        [answer] = await person.ask("Plot y = x^3 - 2x.", deadline_s=60)
        assert time.monotonic() - began_s < 40  # 8 for the storage, the rest for the plot on a busy machine
        assert answer.text.count("could not be brought to you") == 1
        async with person.session.get(plot.cards[0]["body"][0]["url"]) as served:
            assert served.status == 503
        [verdict] = await person.ask(CONCAVE)
        assert verdict.text
        azurite.start_again()
        _, plot = await person.ask(SOLVE, parts=2)
        assert await fetch_picture(person, plot.cards[0])


async def test_storage_that_is_down_when_a_plot_is_drawn_is_waited_for_and_the_plot_arrives(
    blob_rig: Rig, azurite: Azurite, caplog: pytest.LogCaptureFixture
) -> None:
    azurite.kill()
    async with blob_rig.started() as person:
        assert "file storage was not available" in caplog.messages
        asking = asyncio.create_task(person.ask(SOLVE, parts=2, deadline_s=120))
        await until(lambda: "file is not kept yet" in caplog.messages, deadline_s=60)
        azurite.start_again()
        _, plot = await asking
        assert await fetch_picture(person, plot.cards[0])
