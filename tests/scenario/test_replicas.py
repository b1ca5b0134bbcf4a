"""The whole bot as two processes, with PostgreSQL and Azure Blob Storage: one is killed, the other goes on."""

from __future__ import annotations

import asyncio
import itertools
import json
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest

from tests.crash.bot_process import BotProcess
from tests.support.azurite_storage import Azurite
from tests.support.connector_double import Posted, StandInConnector
from tests.support.fake_assistants import Endpoint, FakeAssistants
from tests.support.fake_assistants_state import Plan, image, text
from tests.support.postgres_server import PostgresServer

TEAMSBOT = str(Path(sys.executable).with_name("teamsbot"))
CONVERSATIONS = [f"a:{n}" for n in range(8)]
PNG_1X1 = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b55"
    "0000000a49444154789c636800000082008177cd72b60000000049454e44ae426082"
)
_IDS = itertools.count(1)


@dataclass(frozen=True, kw_only=True)
class Cell:
    """Two replicas, and people who may write to either."""

    replicas: tuple[BotProcess, BotProcess]
    service: FakeAssistants
    connector: StandInConnector
    session: aiohttp.ClientSession
    environ: dict[str, str]

    async def say(self, said: str, conversation: str, by: BotProcess, **fields: object) -> None:
        activity = {
            "type": "message",
            "id": f"m{next(_IDS)}",
            "channelId": "msteams",
            "serviceUrl": self.connector.service_url,
            "conversation": {"id": conversation, "conversationType": "personal"},
            "from": {"id": "29:ada", "name": "Ada"},
            "recipient": {"id": "28:bot", "name": "Bot"},
            "text": said,
            "channelData": {"tenant": {"id": "t"}},
            **fields,
        }
        async with self.session.post(f"{by.url}/api/messages", json=activity) as answer:
            assert answer.status == 202, await answer.text()

    async def heard(self, conversation: str, count: int) -> list[Posted]:
        return await self.connector.wait_for_messages(count, conversation=conversation, deadline_s=60)

    def teamsbot(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """An administrator's command, somewhere else, with the same database."""
        command = [TEAMSBOT, *arguments]
        return subprocess.run(command, env=self.environ, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
async def cell(postgres: PostgresServer, storage: Azurite, tmp_path: Path) -> AsyncIterator[Cell]:
    async with AsyncExitStack() as stack:
        service = await stack.enter_async_context(FakeAssistants())
        connector = await stack.enter_async_context(StandInConnector())
        session = await stack.enter_async_context(aiohttp.ClientSession())
        service.state.files["plot"] = PNG_1X1
        kept = {
            "DATABASE_URL": postgres.url(postgres.new_database()),
            "AZURE_STORAGE_CONNECTION_STRING": storage.connection_string,
            "AZURE_STORAGE_CONTAINER": storage.new_container(),
        }
        replicas = []
        for name in ("one", "two"):
            (tmp_path / name).mkdir()
            bot = BotProcess(data_dir=tmp_path / name / "data", service_address=service.base_url, **kept)
            stack.push_async_callback(ended, bot)
            replicas.append(bot)
        one, two = replicas
        for bot in replicas:
            bot.environ["PUBLIC_URL"] = two.url  # where a load balancer would be
            await bot.start()
        yield Cell(replicas=(one, two), service=service, connector=connector, session=session, environ=two.environ)


async def ended(bot: BotProcess) -> None:
    bot.kill()
    await bot.ended()


def answering(said: str, *, run_s: float = 0.0) -> Plan:
    return Plan(run_s=run_s, messages=[[image("plot"), text(f"You said: {said}")]])


async def test_one_replica_is_killed_and_the_other_answers_for_both(cell: Cell) -> None:
    one, two = cell.replicas
    cell.service.state.plan = answering
    for conversation, by in zip(CONVERSATIONS, itertools.cycle(cell.replicas), strict=False):
        await cell.say("first", conversation, by)
    for conversation in CONVERSATIONS:
        answer, plot = await cell.heard(conversation, 2)
        assert answer.text == "You said: first"
        async with cell.session.get(plot.cards[0]["body"][0]["url"]) as served:
            assert served.status == 200
            assert await served.read() == PNG_1X1

    cell.service.state.plan = lambda said: answering(said, run_s=2.0)
    for conversation, by in zip(CONVERSATIONS, itertools.cycle(cell.replicas), strict=False):
        await cell.say("second", conversation, by)
    await asyncio.sleep(0.5)
    one.kill()
    for conversation in CONVERSATIONS:
        heard = await cell.heard(conversation, 4)
        assert Counter(posted.text for posted in heard)["You said: second"] == 1
    assert len(cell.service.called(Endpoint.CREATE_THREAD)) == len(CONVERSATIONS)
    assert len(cell.service.called(Endpoint.CREATE_RUN)) == 2 * len(CONVERSATIONS)
    assert await two.stop() == 0


async def test_a_plot_is_deleted_by_one_replica_from_the_storage_of_all(cell: Cell) -> None:
    one, two = cell.replicas
    cell.service.state.plan = answering
    await cell.say("draw", "a:1", one)
    _, plot = await cell.heard("a:1", 2)
    url = plot.cards[0]["body"][0]["url"]
    await cell.say("/files", "a:1", two)
    *_, card = await cell.heard("a:1", 4)
    delete = card.cards[0]["body"][0]["columns"][1]["items"][0]["actions"][0]
    await cell.say("", "a:1", one, value=delete["data"])
    *_, deleted = await cell.heard("a:1", 5)
    assert deleted.text.startswith("Deleted: plot-1.png")
    for replica in cell.replicas:
        async with cell.session.get(url.replace(two.url, replica.url)) as served:
            assert served.status == 404


async def test_choosing_an_assistant_at_two_replicas_at_once_ends_with_the_one_that_was_told_last(
    cell: Cell, tmp_path: Path
) -> None:
    one, two = cell.replicas
    names = {"Alpha": "asst_crash", "Beta": "asst_beta", "Gamma": "asst_gamma"}
    described = "\n".join(f'[[assistant]]\nname = "{name}"\nid = "{id_}"' for name, id_ in names.items())
    (tmp_path / "assistants.toml").write_text(described)
    for bot in cell.replicas:
        await bot.stop()
        del bot.environ["ASSISTANT_ID"]
        bot.environ |= {"ASSISTANTS_FILE": str(tmp_path / "assistants.toml"), "MODEL": "any"}
        await bot.start()
    for number in range(3):
        chat = f"a:choice {number}"
        said = [cell.say(f"/assistant {name}", chat, by) for name, by in (("Beta", one), ("Gamma", two))]
        await asyncio.gather(*said)
        told = [posted.text or posted.words for posted in await cell.heard(chat, 2)]
        assert sorted(each.split()[0] for each in told) == ["Beta", "Gamma"]
        await cell.say("hello", chat, two if number % 2 else one)
        await cell.heard(chat, 3)
        last = cell.service.called(Endpoint.CREATE_RUN)[-1]
        assert last.body["assistant_id"] == names[told[-1].split()[0]]


async def test_turns_are_looked_up_wherever_the_database_is_reached(cell: Cell) -> None:
    one, _ = cell.replicas
    await cell.say("a secret", "a:1", one)
    await cell.heard("a:1", 1)
    for _ in range(2):
        listed = await asyncio.to_thread(cell.teamsbot, "turns", "--json")
        assert (listed.returncode, listed.stderr) == (0, "")
        [turn] = [json.loads(line) for line in listed.stdout.splitlines()]
        assert turn["state"] == "answered"
        shown = await asyncio.to_thread(cell.teamsbot, "explain", turn["code"])
        assert "done: part/0" in shown.stdout
        assert "secret" not in shown.stdout + listed.stdout
        for bot in cell.replicas:
            await bot.stop()


def test_a_database_that_is_not_there_is_told_in_a_sentence(tmp_path: Path, storage: Azurite) -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
    environ = {
        "DATABASE_URL": f"postgresql://teamsbot:hunter2@127.0.0.1:{port}/teamsbot",
        "AZURE_STORAGE_CONNECTION_STRING": storage.connection_string,
        "ASSISTANT_BACKEND": "assistants",
        "ASSISTANT_ID": "asst_1",
        "OPENAI_BASE_URL": "http://127.0.0.1:9/v1",
        "PORT": "0",
        "LOG_LEVEL": "error",
    }
    for command in ("serve", "turns"):
        told = subprocess.run(
            [TEAMSBOT, command], cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=60, check=False
        )
        assert (told.returncode, told.stdout, told.stderr.count("\n")) == (2, "", 1), told.stderr
        assert "PostgreSQL cannot be reached" in told.stderr
        assert "hunter2" not in told.stderr
