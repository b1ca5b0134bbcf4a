"""Runs what compose.yaml describes, without an engine: `scripts.image_trial` starts it, in namespaces of its own.

The bot is the built image's root file system, started as the image's user with the environment, volumes, read-only
root, tmpfs and dropped rights that the file names, and as process 1. PostgreSQL and Azurite are those of the tests,
from their packages and not from the images that the file pins; they listen where the file says. Teams, its tokens and
the assistant's service are stand-ins of the tests.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import re
import shlex
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp
import yaml

from scripts.azurite import azurite_command
from scripts.node import ensure_node
from scripts.program import Command, running
from scripts.progress import ROOT, CannotGoOnError, run_story

COMPOSE: Final = ROOT / "compose.yaml"
_READY_S: Final = 90.0
_PASSWORD: Final = "chosen-for-this-trial"  # noqa: S105 - of a server that ends with it
_PNG: Final = b"\x89PNG\r\n\x1a\n"
_VARIABLE: Final = re.compile(r"(?<!\$)\$\{(\w+)(?:(:?)([-?])([^${}]*))?\}")


def interpolated(text: str, values: Mapping[str, str]) -> str:
    """A value with its variables filled in, the innermost first. Raises ValueError where one must be set and is not.

    https://docs.docker.com/reference/compose-file/interpolation/, as far as compose.yaml uses it.
    """

    def fill(found: re.Match[str]) -> str:
        name, colon, kind, otherwise = found.groups()
        value = values.get(name)
        if value is not None and not (colon and not value):
            return value
        if kind == "?":
            raise ValueError(f"{name}: {otherwise}")
        return otherwise or ""

    while (filled := _VARIABLE.sub(fill, text)) != text:
        text = filled
    return text.replace("$$", "$")


def service(name: str, values: Mapping[str, str]) -> dict[str, Any]:
    """One service of compose.yaml, all its variables filled in."""

    def filled(node: Any) -> Any:
        match node:
            case dict():
                return {key: filled(value) for key, value in node.items()}
            case list():
                return [filled(value) for value in node]
            case str():
                return interpolated(node, values)
            case _:
                return node

    found: dict[str, Any] = filled(yaml.safe_load(COMPOSE.read_text())["services"][name])
    return found


def in_seconds(duration: str) -> float:
    """A duration as compose files write it: `30s`, `1m30s`."""
    units = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
    return sum(float(number) * units[unit] for number, unit in re.findall(r"([\d.]+)(ms|h|m|s)", duration))


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """The built image: its root file system and the settings that the Dockerfile gave it."""

    root: Path
    config: dict[str, Any]

    @property
    def environment(self) -> dict[str, str]:
        """What ENV lines of the Dockerfile set."""
        return dict(line.partition("=")[::2] for line in self.config["Env"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """The service `bot`: the image, with what compose.yaml gives it and takes from it."""

    image: Image
    bot: dict[str, Any]
    env_file: Mapping[str, str]
    folder: Path

    async def start(self) -> RunningBot:
        """Start it as an engine would, with a new volume."""
        await asyncio.to_thread(self._prepare)
        command = self.as_its_user([*self.image.config["Entrypoint"], *self.image.config["Cmd"]])
        story = "\n".join([*self._mounts(), shlex.join(["exec", "chroot", str(self.image.root), *command])])
        with (self.folder / "bot.log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                *("unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-ec", story), stdout=log, stderr=log
            )
        return RunningBot(container=self, process=process)

    def as_its_user(self, command: list[str]) -> list[str]:
        """A command with the image's user, the environment of all three places, and without what is taken away."""
        user, _, group = self.image.config["User"].partition(":")
        dropped = ["--inh-caps=-all", "--bounding-set=-all"] if self.bot["cap_drop"] == ["ALL"] else []
        if "no-new-privileges:true" in self.bot["security_opt"]:
            dropped.append("--no-new-privs")
        named = {name: str(value) for name, value in self.bot["environment"].items()}
        given = {**self.image.environment, **self.env_file, **named}
        return [
            *("setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups", *dropped),
            *("env", "--ignore-environment", f"--chdir={self.image.config['WorkingDir']}"),
            *(f"{name}={value}" for name, value in given.items()),
            *command,
        ]

    @property
    def _volume(self) -> str:
        return str(self.bot["volumes"][0].partition(":")[2])

    def _prepare(self) -> None:
        self.folder.mkdir()
        (self.folder / "hosts").write_text("127.0.0.1 localhost postgres azurite\n")
        (self.image.root / "etc" / "hosts").touch()
        volume = self.folder / "volume"
        volume.mkdir()
        owner = (self.image.root / self._volume.lstrip("/")).stat()  # an engine fills a new volume from the image
        os.chown(volume, owner.st_uid, owner.st_gid)

    def _mounts(self) -> list[str]:
        """The root as the bot is to see it, in a mount namespace that ends with it."""
        root = str(self.image.root)
        commands = [["mount", "--make-rprivate", "/"], ["mount", "--bind", root, root]]
        if self.bot["read_only"]:
            commands.append(["mount", "-o", "remount,bind,ro", root])
        commands.append(["mount", "--bind", str(self.folder / "volume"), f"{root}{self._volume}"])
        for entry in self.bot["tmpfs"]:
            path, _, options = entry.partition(":")
            commands.append(["mount", "-t", "tmpfs", "-o", options, "tmpfs", f"{root}{path}"])
        commands += [
            ["mount", "-t", "proc", "proc", f"{root}/proc"],
            ["mount", "--rbind", "/dev", f"{root}/dev"],
            ["mount", "--bind", str(self.folder / "hosts"), f"{root}/etc/hosts"],
        ]
        return [shlex.join(command) for command in commands]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningBot:
    """The bot as process 1 of its namespace."""

    container: Container
    process: asyncio.subprocess.Process  # `unshare`, whose only child is the bot

    @property
    def pid(self) -> int:
        """The bot's own process as this namespace sees it."""
        return int(Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()[0])

    @property
    def said(self) -> str:
        """The end of its log."""
        return (self.container.folder / "bot.log").read_text(errors="replace")[-1500:]

    def is_healthy(self) -> bool:
        """Whether the image's health check passes, run inside as an engine runs it."""
        kind, *test = self.container.image.config["Healthcheck"]["Test"]
        if kind != "CMD":
            raise CannotGoOnError(f"the image's health check is {kind}, and CMD was expected")
        inside = ("nsenter", "--target", str(self.pid), "--mount", "--pid", "--root")
        return subprocess.run([*inside, *self.container.as_its_user(test)], check=False, timeout=30).returncode == 0

    async def stop(self) -> float:
        """Ask it to end as an engine does; how many seconds that took. Raises CannotGoOnError."""
        grace_s, began_s = in_seconds(self.container.bot["stop_grace_period"]), time.monotonic()
        os.kill(self.pid, signal.SIGTERM)
        try:
            async with asyncio.timeout(grace_s):
                code = await self.process.wait()
        except TimeoutError:
            raise CannotGoOnError(f"the bot did not end within {grace_s:g} s of SIGTERM: {self.said}") from None
        if code != 0:
            raise CannotGoOnError(f"the bot ended with {code}: {self.said}")
        return time.monotonic() - began_s


def loopback_up() -> None:
    """Switch the loopback interface of this network namespace on (netdevice(7): SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = fcntl.ioctl(any_socket, 0x8913, struct.pack("16sH22x", b"lo", 0))
        flags = struct.unpack("16sH22x", request)[1]
        fcntl.ioctl(any_socket, 0x8914, struct.pack("16sH22x", b"lo", flags | 1))


def start_postgres(stack: ExitStack, values: Mapping[str, str]) -> None:
    """PostgreSQL as the service `postgres` says: its user, database, password, port and health check."""
    from tests.support.postgres_server import postgres_programs, running_postgres

    programs = postgres_programs()
    if programs is None:
        raise CannotGoOnError("PostgreSQL for tests is not here: run make test once")
    told = service("postgres", values)
    environment = told["environment"]
    server = stack.enter_context(running_postgres(programs, port=5432))
    server.sql("postgres", f"ALTER USER {environment['POSTGRES_USER']} PASSWORD '{environment['POSTGRES_PASSWORD']}'")
    server.sql("postgres", f"CREATE DATABASE {environment['POSTGRES_DB']}")
    server.demand_passwords()
    kind, test = told["healthcheck"]["test"]
    env = {"PATH": f"{programs}:{os.environ['PATH']}", "PGHOST": "127.0.0.1"}
    if kind != "CMD-SHELL" or subprocess.run(test, shell=True, env=env, check=False, timeout=30).returncode:  # noqa: S602 - our own file
        raise CannotGoOnError(f"the health check of the service postgres does not pass: {test}")


def start_azurite(stack: ExitStack, values: Mapping[str, str], folder: Path) -> None:
    """Azurite, empty, started as the command of the service `azurite` says."""
    node = ensure_node()
    words = shlex.split(service("azurite", values)["command"])
    folder.mkdir()
    options: Command = [str(folder / "data") if word == "/data" else word for word in words[1:]]
    ready = r"successfully listens on https?://\S+:(\d+)"
    stack.enter_context(running([*azurite_command(node), *options], folder=folder, env=node.environment(), ready=ready))


async def readiness(
    url: str, *, is_alive: Callable[[], bool], within_s: float = _READY_S, ask_s: float = 5.0
) -> dict[str, Any] | None:
    """What /readyz says when the bot is ready, or said last when its time was up; None if it said nothing."""
    told, deadline_s = None, time.monotonic() + within_s
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ask_s)) as client:
        while is_alive() and time.monotonic() < deadline_s:
            with suppress(aiohttp.ClientError, TimeoutError, ValueError):
                async with client.get(url) as answer:
                    told = await answer.json()
                    if told["status"] == "ready":
                        break
            await asyncio.sleep(0.2)
    return told


@asynccontextmanager
async def started(image: Image, env_file: Mapping[str, str], folder: Path) -> AsyncIterator[RunningBot]:
    """The bot, ready at the port that compose.yaml publishes. Raises CannotGoOnError."""
    container = Container(image=image, bot=service("bot", env_file), env_file=env_file, folder=folder)
    bot = await container.start()
    try:
        port = container.bot["ports"][0].rpartition(":")[2]
        url = f"http://127.0.0.1:{port}/readyz"
        told = await readiness(url, is_alive=lambda: bot.process.returncode is None)
        print(f"  /readyz: {json.dumps(told)}")
        if not told or told["status"] != "ready":
            raise CannotGoOnError(f"the bot does not get ready: {bot.said}")
        if not await asyncio.to_thread(bot.is_healthy):
            raise CannotGoOnError(f"the health check of the bot fails: {bot.said}")
        yield bot
    finally:
        if bot.process.returncode is None:
            bot.process.kill()


async def trial(image: Image, folder: Path) -> None:
    """Both ways that the head of compose.yaml names: with PostgreSQL and a hosted service, and embedded."""
    from tests.scenario.test_replicas import PNG_1X1
    from tests.support.fake_assistants import FakeAssistants
    from tests.support.fake_assistants_state import Plan
    from tests.support.fake_assistants_state import image as picture
    from tests.support.fake_assistants_state import text as words
    from tests.support.openai_stand_in import KEY
    from tests.support.signed_teams import SignedTeams

    async with SignedTeams() as teams, FakeAssistants() as assistants:
        teams.bot_url = "http://127.0.0.1:3978"
        registration = teams.environ | {"POSTGRES_PASSWORD": _PASSWORD}
        assistants.state.files["plot"] = PNG_1X1
        assistants.state.plan = lambda said: Plan(messages=[[picture("plot"), words(f"You said: {said}")]])
        hosted = registration | {
            "ASSISTANT_BACKEND": "assistants",
            "ASSISTANT_ID": "asst_trial",
            "OPENAI_BASE_URL": assistants.base_url,
            "OPENAI_API_KEY": KEY,
        }
        embedded = registration | {"BOT_DATABASE_URL": ""}
        heard = 0
        for name, env_file, asked in (("hosted", hosted, "Hello"), ("embedded", embedded, "Plot y = x^2 + 3.")):
            with ExitStack() as stack:
                start_postgres(stack, env_file)
                start_azurite(stack, env_file, folder / f"{name}-azurite")
                async with started(image, env_file, folder / name) as bot:
                    if (status := await teams.say(asked)) != 202:
                        raise CannotGoOnError(f"a signed message was answered {status}: {bot.said}")
                    said = (await teams.connector.wait_for_messages(heard + 2, deadline_s=60))[heard:]
                    heard += len(said)
                    blocks = [block for posted in said for card in posted.cards for block in card.get("body", ())]
                    [link] = [block["url"] for block in blocks if block["type"] == "Image"]
                    status, body = await teams.fetch(link)
                    kept = await _in_azurite(bot.container, link)
                    if (status, body[:8], kept[:8]) != (200, _PNG, _PNG):
                        raise CannotGoOnError(f"the plot of the {name} bot is not in Azurite: {bot.said}")
                    if (folder / name / "volume" / "teamsbot" / "teamsbot.sqlite").exists() is not (name == "embedded"):
                        raise CannotGoOnError(f"the turns of the {name} bot are not where compose.yaml puts them")
                    took_s = await bot.stop()
            print(f"  {name}: a signed question was answered by a plot, kept in Azurite; it ended after {took_s:.1f} s")


async def _in_azurite(container: Container, link: str) -> bytes:
    """The bytes of a link's file as they lie in the storage."""
    from azure.storage.blob.aio import ContainerClient

    to_storage = container.bot["environment"]["AZURE_STORAGE_CONNECTION_STRING"].replace("//azurite:", "//127.0.0.1:")
    token = link.split("/files/")[1].split(".", maxsplit=1)[0]
    async with ContainerClient.from_connection_string(to_storage, "teamsbot") as client:
        return bytes(await (await client.download_blob(token)).readall())


def _story() -> None:
    root, config = map(Path, sys.argv[1:])
    loopback_up()
    with tempfile.TemporaryDirectory(prefix="teamsbot-compose-", dir="/var/tmp") as name:
        asyncio.run(trial(Image(root=root, config=json.loads(config.read_text())), Path(name)))


if __name__ == "__main__":
    sys.exit(run_story(_story))
