"""What the container's files promise, as far as a look at them tells; `make image` builds and starts the image."""

from __future__ import annotations

import asyncio
import re
import tomllib
from pathlib import Path

import pytest
import yaml
from aiohttp import web
from aiohttp.test_utils import TestServer
from aiohttp.typedefs import Handler

from scripts.compose_trial import interpolated, readiness, service
from scripts.progress import ROOT
from service.settings import Settings

DOCKERFILE = (ROOT / "Dockerfile").read_text()
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
PINNED = re.compile(r"\S+@sha256:[0-9a-f]{64}")
REGISTRATION = {
    "MicrosoftAppId": "11111111-2222-3333-4444-555555555555",
    "MicrosoftAppTenantId": "11111111-2222-3333-4444-666666666666",
    "MicrosoftAppPassword": "of-no-registration",
    "PUBLIC_URL": "https://bot.example.com",
}


def test_every_image_is_pinned_by_its_digest() -> None:
    [base] = re.findall(r"^ARG BASE=(.+)$", DOCKERFILE, re.M)
    assert re.findall(r"^FROM (\S+)", DOCKERFILE, re.M) == ["${BASE}", "${BASE}"]
    images = [service["image"] for service in COMPOSE["services"].values() if "build" not in service]
    assert all(PINNED.fullmatch(image) for image in (base, *images))


def test_the_image_is_no_root_s_and_has_a_health_check() -> None:
    assert re.findall(r"^USER (.+)$", DOCKERFILE, re.M) == ["10001:10001"]
    assert re.search(r"^HEALTHCHECK .*\n.*/healthz", DOCKERFILE, re.M)
    assert "ln -s /proc/self/cwd /mnt/data" in DOCKERFILE  # which Landlock needs


def test_nothing_goes_into_the_build_but_the_program() -> None:  # trap 19
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    allowed = {line[1:] for line in lines if line.startswith("!")}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packages = set(project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"])
    needed = packages | {"scripts", "pyproject.toml", "README.md", "LICENSE", "requirements.lock", "sandbox.lock"}
    assert "*" in lines
    assert allowed == needed
    assert lines.index("**/.env*") > max(lines.index(f"!{name}") for name in allowed)
    assert all((ROOT / name).exists() for name in allowed)


def test_the_dockerfile_holds_no_secret() -> None:
    for name in re.findall(r"^(?:ARG|ENV|\s+)\s*(\w+)=", DOCKERFILE, re.M):
        assert not re.search("key|secret|password|token", name, re.I)


HOSTED = {
    "ASSISTANT_BACKEND": "assistants",
    "OPENAI_BASE_URL": "https://assistants.example.com/v1",
    "OPENAI_API_KEY": "sk-1",
    "ASSISTANT_ID": "asst_1",
}
EMBEDDED = {"BOT_DATABASE_URL": ""}


@pytest.mark.parametrize(
    ("text", "values", "filled"),
    [
        ("${A}:${B}", {"A": "1"}, "1:"),
        ("${A-x}", {"A": ""}, ""),
        ("${A:-x}", {"A": ""}, "x"),
        ("${A-db://u:${B:?set it}@h}", {"B": "p"}, "db://u:p@h"),
        ("${A-db://u:${B:?set it}@h}", {"A": "", "B": "p"}, ""),
        ("$$A $${B}", {"A": "1", "B": "2"}, "$A ${B}"),
    ],
)
def test_variables_of_the_compose_file_are_filled_in_as_compose_does(
    text: str, values: dict[str, str], filled: str
) -> None:
    assert interpolated(text, values) == filled


def test_a_variable_that_must_be_set_is_demanded() -> None:
    with pytest.raises(ValueError, match="POSTGRES_PASSWORD: write one"):
        service("postgres", {})
    assert service("postgres", {"POSTGRES_PASSWORD": "p"})["environment"]["POSTGRES_PASSWORD"] == "p"


@pytest.mark.parametrize("backend", [HOSTED, EMBEDDED], ids=["hosted", "embedded"])
def test_the_settings_of_the_compose_file_are_valid(backend: dict[str, str]) -> None:
    values = {"POSTGRES_PASSWORD": "chosen", **REGISTRATION, **backend}
    given = {**values, **service("bot", values)["environment"]}
    assert given.pop("POSTGRES_PASSWORD") == "chosen"
    settings = Settings.read(given, Path("no .env file"))
    assert settings.is_public
    assert settings.chat_page_port is None
    assert settings.blobs is not None


def test_the_compose_file_takes_from_the_bot_what_it_does_not_need() -> None:
    bot = COMPOSE["services"]["bot"]
    assert (bot["read_only"], bot["cap_drop"], bot["security_opt"]) == (True, ["ALL"], ["no-new-privileges:true"])
    assert all(port.startswith("127.0.0.1:") for port in bot["ports"])


@pytest.mark.parametrize("trouble", ["not ready yet", "no JSON", "silence"])
async def test_the_trial_asks_again_until_the_bot_is_ready(trouble: str) -> None:
    asked = 0

    async def answer(_: web.Request) -> web.Response:
        nonlocal asked
        asked += 1
        if asked > 1:
            return web.json_response({"status": "ready"})
        if trouble == "silence":
            await asyncio.sleep(30)
        return web.Response(status=503, text="{}") if trouble == "no JSON" else unready()

    async with _readyz(answer) as server:
        found = await readiness(str(server.make_url("/readyz")), is_alive=lambda: True, ask_s=0.5)
    assert (found, asked) == ({"status": "ready"}, 2)


async def test_the_trial_ends_with_its_time_or_with_the_bot() -> None:
    async def answer(_: web.Request) -> web.Response:
        return unready()

    async with _readyz(answer) as server:
        url = str(server.make_url("/readyz"))
        assert await readiness(url, is_alive=lambda: True, within_s=0.3) == {"status": "unready"}
        assert await readiness(url, is_alive=lambda: False) is None


def unready() -> web.Response:
    return web.json_response({"status": "unready"}, status=503)


def _readyz(answer: Handler) -> TestServer:
    app = web.Application()
    app.router.add_get("/readyz", answer)
    return TestServer(app)
