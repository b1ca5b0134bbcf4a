"""The code blocks of docs/teams.md and docs/upkeep.md are run, against stand-ins."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit
from zipfile import ZipFile

import aiohttp
import pytest
from aiohttp.test_utils import unused_port

from service.settings import ClientSecret, Settings
from tests.scenario.conftest import Person
from tests.scenario.test_story import SOLVE
from tests.support.connector_double import StandInConnector
from tests.support.entra_server import BOT_TOKEN, EntraServer
from tests.support.fakes import PNG
from tests.support.service_process import running_bot
from tests.support.token_issuer import APP_ID, TENANT, TokenIssuer, token

ROOT = Path(__file__).parents[2]
ENDPOINT = "https://bot.example.com/api/messages"
SECRET = "canary~secret.value"  # real ones have such characters
LINES = f"CLIENT_ID={APP_ID}\nCLIENT_SECRET={SECRET}\nTENANT_ID={TENANT}\n"

NPM = """#!/bin/sh
[ "$*" = "install --global @microsoft/teams.cli" ]
"""
TEAMS = f"""#!/bin/sh
set -eu
[ "$*" = login ] && exit 0
[ "$*" = "app create --name Math Tutor --endpoint {ENDPOINT} --env .env" ]
printf 'CLIENT_ID=%s\\nCLIENT_SECRET=%s\\nTENANT_ID=%s\\n' {APP_ID} '{SECRET}' {TENANT} >> .env
echo "Install it: https://teams.example.com/l/app/1"
"""
AZ = f"""#!/bin/sh
set -eu
echo "$*" >> az.log
case "$*" in
    "account show --query tenantId --output tsv") echo {TENANT} ;;
    "ad app create --display-name math-tutor --sign-in-audience AzureADMyOrg --query appId --output tsv")
        echo {APP_ID} ;;
    "ad app credential reset --id {APP_ID} --display-name teamsbot --years 1 --query password --output tsv")
        echo '{SECRET}' ;;
esac
"""


def blocks(way: str) -> list[tuple[str, str]]:
    """The label and the commands of each block of the walk, by one of the two ways to register."""
    text = (ROOT / "docs" / "teams.md").read_text("utf-8")
    walk = text.partition("## What only a live tenant")[0]
    found = re.findall(r"```sh ?(\S*)\n(.*?)```", walk, re.DOTALL)
    return [(label, commands) for label, commands in found if not label.startswith("by-") or label == way]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder as a clone looks, with the programs of other makers on its PATH."""
    (tmp_path / "bin").mkdir()
    for name, content in (("npm", NPM), ("teams", TEAMS), ("az", AZ)):
        program = tmp_path / "bin" / name
        program.write_text(content)
        program.chmod(0o700)
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "teamsbot").symlink_to(Path(sys.executable).with_name("teamsbot"))
    (tmp_path / "scripts").symlink_to(ROOT / "scripts")
    return tmp_path


async def run(commands: str, folder: Path, env: dict[str, str]) -> str:
    process = await asyncio.create_subprocess_exec(
        "sh", "-euc", commands, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    async with asyncio.timeout(90):
        out, _ = await process.communicate()
    assert process.returncode == 0, out.decode()
    return out.decode()


@asynccontextmanager
async def served(commands: str, folder: Path, env: dict[str, str]) -> AsyncIterator[None]:
    """The block that starts the bot and does not end."""
    process = await asyncio.create_subprocess_exec(
        *shlex.split(commands), cwd=folder, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        async with asyncio.timeout(60), aiohttp.ClientSession() as session:
            while True:
                try:
                    async with session.get(f"http://127.0.0.1:{env['PORT']}/readyz") as answer:
                        assert answer.status == 200
                        break
                except aiohttp.ClientError:
                    await asyncio.sleep(0.2)
        yield
    finally:
        process.terminate()
        await process.wait()


@pytest.mark.parametrize("way", ["by-teams-cli", "by-azure-cli"])
async def test_at_most_three_commands_register_the_bot_and_their_env_file_is_taken_unchanged(
    way: str, checkout: Path
) -> None:
    label, commands = blocks(way)[0]
    assert (label, len(commands.splitlines()) <= 3) == (way, True)
    await run(commands, checkout, {"PATH": f"{checkout / 'bin'}:{os.environ['PATH']}"})
    assert (checkout / ".env").read_text() == LINES
    (checkout / ".env").chmod(0o600)
    settings = Settings.read({"PUBLIC_URL": "https://bot.example.com"}, checkout / ".env")
    assert settings.teams is not None
    assert (settings.teams.app_id, settings.teams.login_tenant) == (APP_ID, TENANT)
    assert isinstance(settings.teams.credential, ClientSecret)
    assert settings.teams.credential.secret.reveal() == SECRET
    if way == "by-azure-cli":
        asked = (checkout / "az.log").read_text().splitlines()
        assert f"ad sp create --id {APP_ID} --output none" in asked
        assert any(line.startswith("bot create --resource-group teamsbot --name math-tutor") for line in asked)
        assert any(ENDPOINT in line and f"--tenant-id {TENANT}" in line for line in asked)
        assert asked[-1].startswith("bot msteams create")
        assert SECRET not in "\n".join(asked)


async def test_the_walk_ends_with_a_plot_in_teams(checkout: Path) -> None:
    async with (
        TokenIssuer() as issuer,
        EntraServer(checkout) as entra,
        StandInConnector() as connector,
        aiohttp.ClientSession() as teams,
    ):
        entra.discovery = {"issuer": f"{entra.origin}/{TENANT}/v2.0"}
        url = f"http://127.0.0.1:{unused_port()}"
        env = {
            "PATH": f"{checkout / 'bin'}:{os.environ['PATH']}",
            "SSL_CERT_FILE": str(entra.certificate),
            "ToChannelFromBotLoginUrl": entra.origin,
            "ToBotFromChannelOpenIdMetadataUrl": issuer.metadata_url,
            "GRAPH_URL": entra.origin,
            "TRUSTED_SERVICE_URLS": connector.service_url.removesuffix("/_connector"),
            "PORT": url.rpartition(":")[2],
        }
        here = env | {"PUBLIC_URL": url}  # where the proxy that ends TLS would be
        steps = iter(blocks("by-teams-cli"))
        await run(next(steps)[1], checkout, env)
        shown = await run(next(steps)[1], checkout, env)
        assert ("(set)" in shown, "canary" in shown) == (True, False)
        label, start = next(steps)
        assert label == "serves"
        async with served(start, checkout, here):
            told = await run(next(steps)[1].strip() + " --json", checkout, here)
            found = {check["name"]: check["status"] for check in json.loads(told)["checks"]}
            passed = ("settings", "token", "keys", "model", "store", "service", "files", "endpoint", "link")
            assert {name: found[name] for name in passed} == dict.fromkeys(passed, "pass"), told
            assert found["teams"] == "warn"
            await run(next(steps)[1], checkout, env)
            with ZipFile(checkout / "teamsbot-prod.zip") as package:
                [bot] = json.loads(package.read("manifest.json"))["bots"]
                assert bot["botId"] == APP_ID
            activity = {
                "type": "message",
                "id": "1",
                "channelId": "msteams",
                "serviceUrl": connector.service_url,
                "conversation": {"id": "a:1", "conversationType": "personal", "tenantId": TENANT},
                "from": {"id": "29:ada", "aadObjectId": "33333333-4444-5555-6666-777777777777"},
                "recipient": {"id": f"28:{APP_ID}"},
                "text": SOLVE,
                "channelData": {"tenant": {"id": TENANT}},
            }
            headers = {"Authorization": f"Bearer {token(serviceurl=connector.service_url)}"}
            async with teams.post(f"{url}/api/messages", json=activity, headers=headers) as response:
                assert response.status == 202
            async with asyncio.timeout(90):
                while not (plots := [posted for posted in connector.messages if posted.cards]):
                    await asyncio.sleep(0.2)
            assert plots[0].headers["Authorization"] == f"Bearer {BOT_TOKEN}"
            async with teams.get(plots[0].cards[0]["body"][0]["url"]) as picture:
                assert (await picture.read()).startswith(PNG[:8])
            last = await run(".venv/bin/teamsbot doctor teams", checkout, here)
            assert "accepted" in last
    assert next(steps, None) is None


async def test_a_copy_of_the_running_bot_goes_on_with_its_conversations(
    tmp_path: Path, session: aiohttp.ClientSession, connector: StandInConnector
) -> None:
    upkeep = (ROOT / "docs" / "upkeep.md").read_text("utf-8")
    found = re.search(r"```\n(pid=.*?)```", upkeep, re.DOTALL)
    assert found
    with running_bot(tmp_path) as bot:
        ada = Person(session=session, bot_url=bot.told.removesuffix("/api/messages"), connector=connector)
        [_, plot] = await ada.ask("Plot x^2.", parts=2)
        await run(found[1], tmp_path, {"PATH": os.environ["PATH"]})
        assert "4" in (await ada.ask("What is 2 + 2?"))[0].text  # it was frozen for a moment only
        ends_all = tmp_path / "bin" / "cp"  # as Ctrl-C does, with a signal that no runner of tests ignores
        ends_all.parent.mkdir()
        ends_all.write_text("#!/bin/sh\nkill -TERM 0\n")
        ends_all.chmod(0o755)
        path = f"{ends_all.parent}:{os.environ['PATH']}"
        for shell in ("sh", "bash"):
            interrupted = await asyncio.create_subprocess_exec(
                shell, "-c", found[1], cwd=tmp_path, env={"PATH": path}, start_new_session=True
            )
            assert await asyncio.wait_for(interrupted.wait(), 30) != 0
            assert "6" in (await ada.ask("What is 3 + 3?"))[0].text
    with running_bot(tmp_path, DATA_DIR=str(tmp_path / "backup")) as bot:
        ada = Person(session=session, bot_url=bot.told.removesuffix("/api/messages"), connector=connector)
        assert "convex" in (await ada.ask("Is this a concave function?"))[0].text
        link = urlsplit(plot.cards[0]["body"][0]["url"])
        async with session.get(ada.bot_url + link.path) as picture:
            assert (await picture.read()).startswith(PNG[:8])
