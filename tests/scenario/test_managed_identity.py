"""Files by a managed identity: the token comes from the machine's own endpoint, and no key is in the settings."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from scripts.node import Node
from tests.scenario.conftest import Person
from tests.scenario.test_story import SOLVE, fetch_picture
from tests.support.azurite_storage import ACCOUNT, Azurite, running_storage
from tests.support.certificates import write_certificate
from tests.support.connector_double import StandInConnector

TEAMSBOT = str(Path(sys.executable).with_name("teamsbot"))
HEADER = "known-to-this-machine-alone"


@dataclass
class IdentityEndpoint:
    """Gives tokens as App Service does, to callers that know the header; Azurite takes any that looks right."""

    works: bool = True
    asked_for: list[str] = field(default_factory=list)

    async def give(self, request: web.Request) -> web.Response:
        assert request.headers["X-IDENTITY-HEADER"] == HEADER
        self.asked_for.append(request.query["resource"])
        if not self.works:
            return web.json_response({"statusCode": 400, "message": "no identity is assigned"}, status=400)
        now_s = int(time.time())
        claims = {
            "aud": "https://storage.azure.com",
            "iss": "https://sts.windows.net/ab1f708d-50f6-404c-a006-d71b2ac7a606/",
            "iat": now_s,
            "nbf": now_s - 60,
            "exp": now_s + 3600,
        }
        token = f"{encoded({'alg': 'RS256', 'typ': 'JWT'})}.{encoded(claims)}.c2lnbmF0dXJl"
        told = {"access_token": token, "expires_on": str(claims["exp"]), "resource": "storage", "token_type": "Bearer"}
        return web.json_response(told)


def encoded(part: dict[str, object]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    return write_certificate(tmp_path)


@pytest.fixture
def azurite(azurite_node: Node, tmp_path: Path, certificate: tuple[Path, Path]) -> Iterator[Azurite]:
    cert, key = certificate
    options = ("--oauth", "basic", "--cert", cert, "--key", key)
    with running_storage(azurite_node, tmp_path, options=options) as started:
        yield started


@pytest.fixture
async def identity() -> AsyncIterator[tuple[IdentityEndpoint, str]]:
    endpoint = IdentityEndpoint()
    app = web.Application()
    app.router.add_get("/token", endpoint.give)
    async with TestServer(app) as server:
        yield endpoint, str(server.make_url("/token"))


@asynccontextmanager
async def bot(folder: Path, **environ: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        TEAMSBOT,
        "serve",
        env={
            "PATH": os.environ["PATH"],
            "DATA_DIR": str(folder / "data"),
            "PORT": "0",
            "LOG_FORMAT": "json",
            **environ,
        },
        cwd=folder,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@pytest.fixture
def environ(azurite: Azurite, identity: tuple[IdentityEndpoint, str], certificate: tuple[Path, Path]) -> dict[str, str]:
    return {
        "AZURE_STORAGE_ACCOUNT_URL": f"https://127.0.0.1:{azurite.port}/{ACCOUNT}",
        "IDENTITY_ENDPOINT": identity[1],
        "IDENTITY_HEADER": HEADER,
        "SSL_CERT_FILE": str(certificate[0]),
        "AZURE_TOKEN_CREDENTIALS": "managedidentitycredential",
    }


async def test_a_plot_is_kept_with_no_key_but_the_identity_of_the_machine(
    tmp_path: Path,
    environ: dict[str, str],
    identity: tuple[IdentityEndpoint, str],
    connector: StandInConnector,
    session: aiohttp.ClientSession,
) -> None:
    async with bot(tmp_path, **environ) as process, asyncio.timeout(90):
        assert process.stderr is not None
        said: list[str] = []
        while "address" not in (line := json.loads(await process.stderr.readline())):
            said.append(str(line))
        person = Person(session=session, bot_url=line["address"], connector=connector)
        _, plot = await person.ask(SOLVE, parts=2)
        assert (await fetch_picture(person, plot.cards[0])).startswith(b"\x89PNG")
    assert set(identity[0].asked_for) == {"https://storage.azure.com"}
    assert len(identity[0].asked_for) < 4  # a token is used for as long as it lasts
    assert "eyJ" not in " ".join(said)


async def test_a_machine_without_an_identity_is_told_at_the_start(
    tmp_path: Path, environ: dict[str, str], identity: tuple[IdentityEndpoint, str]
) -> None:
    identity[0].works = False
    async with bot(tmp_path, **environ) as process, asyncio.timeout(60):
        _, talk = await process.communicate()
    assert process.returncode == 2
    last = talk.decode().splitlines()[-1]
    assert "Azure Blob Storage" in last
    assert "AZURE_STORAGE_" in last
    assert "Traceback" not in talk.decode()
