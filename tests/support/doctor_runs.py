"""`teamsbot doctor` in tests: what it finds, from this process or as a command, and settings for it to judge."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from service.doctor import diagnose
from tests.support.token_issuer import APP_ID, TENANT, TokenIssuer

TEAMSBOT = str(Path(sys.executable).with_name("teamsbot"))
SECRET = "canary-secret-value"
KEY = "sk-canary-key-1234567890"
NO_FILE = Path("no .env file")
TEAMS = {
    "MicrosoftAppId": APP_ID,
    "MicrosoftAppPassword": SECRET,
    "MicrosoftAppTenantId": TENANT,
    "PUBLIC_URL": "https://bot.example.com",
}

Found = dict[str, dict[str, str]]


async def findings(environ: dict[str, str], *only: str, offline: bool = False) -> Found:
    """By the name of the check, as `--json` tells them, from this process; a machine that runs tests is slow."""
    diagnosis = await diagnose(environ, NO_FILE, only=only, offline=offline, within_s=60)
    assert "canary" not in diagnosis.as_json()
    return {check["name"]: check for check in json.loads(diagnosis.as_json())["checks"]}


async def doctor(environ: dict[str, str], folder: Path, *arguments: str) -> tuple[int, Found]:
    """Exit code and findings of the command."""
    process = await asyncio.create_subprocess_exec(
        TEAMSBOT,
        "doctor",
        "--json",
        *arguments,
        cwd=folder,
        env={"PATH": os.environ["PATH"], "DATA_DIR": str(folder / "data"), **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    async with asyncio.timeout(60):
        out, err = await process.communicate()
    assert (err, b"canary" in out) == (b"", False)
    return process.returncode or 0, {check["name"]: check for check in json.loads(out)["checks"]}


def says(found: dict[str, str], status: str, cause: str, fix: str = "") -> None:
    assert (found["status"], cause in found["cause"], fix in found["fix"]) == (status, True, True), found


def with_issuer(issuer: TokenIssuer, folder: Path, **changes: str) -> dict[str, str]:
    return TEAMS | {"ToBotFromChannelOpenIdMetadataUrl": issuer.metadata_url, "DATA_DIR": str(folder)} | changes


Answer = Callable[[web.Request], Any]


@asynccontextmanager
async def serving(answer: Answer) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    async with TestServer(app) as server:
        yield str(server.make_url("")).rstrip("/")
