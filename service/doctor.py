"""`teamsbot doctor`: follows the path of a message, runs the check of each part, and names the first broken link.

It runs beside the service, with the same settings and DATA_DIR. Checks run together where they do not need one another,
each with a deadline of its own. Nothing of what it reports is secret.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import re
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

import aiohttp
from rich.console import Console
from rich.table import Table
from rich.text import Text

from adapters.sandbox.code_result import CodeSandbox
from adapters.teams.app_registration import Registration, check_cloud, check_registration
from adapters.teams.bot_token import BotToken, TokenUnavailableError
from adapters.teams.connector import connector_session
from adapters.teams.graph_files import check_graph
from adapters.teams.signing_keys import SigningKeys, check_clock
from bot.diagnosis import Finding, Status
from bot.errors import BotError, StorageError
from service.code_sandbox import check_sandbox, open_sandbox
from service.compose import Shared
from service.data_dir import prepare_data_dir, room_hint
from service.file_storage import FileStorage, open_file_storage
from service.last_request import check_last_request, check_service, noted_address, reachable
from service.logs import redact_text
from service.manifest import check_packages
from service.model_check import check_model
from service.public_address import check_endpoint, check_link
from service.round_trip import check_round_trip
from service.settings import AppType, Backend, ClientCertificate, ClientSecret, Settings, SettingsError
from service.settings.config_report import Report as SettingsReport
from service.teams_edge import open_bot_token
from service.turn_lookup import check_store
from storage.file_tokens import CHECKED

TOTAL_S: Final = 16.0
"""From the start of the command to the last finding; what was opened is closed within 20 s."""

_CLOSE_S: Final = 1.5
_MIN_CHECK_S: Final = 1.0
_MAX_SILENCE_S: Final = 5.0  # a service that is silent for less may be well, and this machine busy
# One grey pixel.
_PICTURE: Final = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b55"
    "0000000a49444154789c636800000082008177cd72b60000000049454e44ae426082"
)
_UNPRINTABLE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]+")
_OFFLINE: Final = Finding.skipped("it would ask another service, and --offline was given")
_NO_APP: Final = Finding.skipped("MicrosoftAppId is not set: the bot serves this machine only")

SETTINGS: Final = "settings"
NAMES: Final = (
    "clock",
    "cloud",
    "token",
    "registration",
    "graph",
    "package",
    "keys",
    "model",
    "sandbox",
    "store",
    "service",
    "files",
    "endpoint",
    "link",
    "turn",
    "teams",
)
"""Of all checks but `settings`, which always comes first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One link of the chain. It is skipped where one of `needs` is broken, came to no end, or was skipped itself."""

    name: str
    run: Callable[[], Awaitable[Finding]]
    deadline_s: float = math.inf  # beside that of all together
    needs: tuple[str, ...] = ()
    asks: str = ""  # the service that is to blame if it takes longer; without one the machine may be busy


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """All findings by the name of their check, in the order of a message's way."""

    findings: Mapping[str, Finding]

    @property
    def first_broken(self) -> str | None:
        """The check to look at first."""
        return next((name for name, finding in self.findings.items() if finding.status is Status.FAIL), None)

    def as_json(self) -> str:
        """One object, for programs."""
        checks = [
            {"name": name, "status": finding.status, "cause": finding.cause, "fix": finding.fix}
            for name, finding in self.findings.items()
        ]
        return json.dumps({"checks": checks, "first_broken": self.first_broken}, indent=2, ensure_ascii=False)

    def as_text(self) -> str:
        """Each finding on a line of its own, whatever its length, and the next thing to do."""
        width = max(map(len, self.findings))
        lines = []
        for name, finding in self.findings.items():
            lines.append(f"{finding.status}  {name:{width}}  {finding.cause}")
            if finding.fix:
                lines.append(f"{'':{width + 8}}Do: {finding.fix}")
        return "\n".join((*lines, "", self._verdict()))

    def show(self, console: Console) -> None:
        """The same as a table for a terminal."""
        styles = {Status.PASS: "green", Status.WARN: "yellow", Status.FAIL: "bold red", Status.SKIP: "dim"}
        table = Table.grid(padding=(0, 2), pad_edge=False)
        table.add_column(no_wrap=True)
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        for name, finding in self.findings.items():
            table.add_row(Text(finding.status, style=styles[finding.status]), name, Text(finding.cause))
            if finding.fix:
                table.add_row("", "", Text(f"Do: {finding.fix}"))
        console.print(table)
        console.print()
        console.print(Text(self._verdict()))

    def _verdict(self) -> str:
        if (broken := self.first_broken) is not None:
            return f"First broken link: {broken}. {self.findings[broken].fix}"
        warned = [name for name, finding in self.findings.items() if finding.status is Status.WARN]
        if warned:
            return f"Nothing is broken. Look at: {', '.join(warned)}."
        return "Nothing is broken."


async def diagnose(
    environ: Mapping[str, str],
    env_file: Path,
    *,
    offline: bool = False,
    only: Collection[str] = (),
    within_s: float = TOTAL_S,
) -> Diagnosis:
    """Run all checks, or some with those that they need. A broken bot makes it raise nothing."""
    try:
        settings = Settings.read(environ, env_file)
    except SettingsError as error:
        about = "; ".join(str(mistake) for mistake in error.mistakes)
        names = [check.name for check in _wanted(_Examination(None, offline=offline).checks(), only)]
        broken = Finding.failed(about, "Correct the settings named here; `teamsbot config` shows where each came from.")
        later = Finding.skipped("the settings are invalid")
        return Diagnosis(findings={SETTINGS: _clean(broken), **dict.fromkeys(names, later)})
    findings = {SETTINGS: _clean(_check_settings(environ, env_file))}
    stack = AsyncExitStack()
    examination = _Examination(settings, offline=offline, stack=stack)
    try:
        walk = _Walk(end_s=asyncio.get_running_loop().time() + within_s)
        findings |= await walk.all(_wanted(examination.checks(), only))
    finally:
        with contextlib.suppress(TimeoutError):  # what is left then ends with this process
            async with asyncio.timeout(_CLOSE_S):
                await stack.aclose()
    return Diagnosis(findings=findings)


def _wanted(checks: Sequence[Check], only: Collection[str]) -> list[Check]:
    wanted = set(only)
    for check in reversed(checks):
        if check.name in wanted:
            wanted.update(check.needs)
    return [check for check in checks if not only or check.name in wanted]


@dataclass(slots=True)
class _Walk:
    """Runs checks together, each when those that it needs have ended."""

    end_s: float  # by the clock of the event loop
    tasks: dict[str, asyncio.Task[Finding]] = field(default_factory=dict)
    unended: set[str] = field(default_factory=set)  # checks that others cannot build upon, whatever they found

    async def all(self, checks: Sequence[Check]) -> dict[str, Finding]:
        """All findings, in the order of the checks."""
        async with asyncio.TaskGroup() as group:
            for check in checks:  # in an order in which nobody needs a later one
                self.tasks[check.name] = group.create_task(self._run(check), name=f"check {check.name}")
        return {name: _clean(task.result()) for name, task in self.tasks.items()}

    async def _run(self, check: Check) -> Finding:
        if (skipped := await self._skipped(check)) is not None:
            return skipped
        began_s = time.monotonic()
        try:
            async with asyncio.timeout_at(min(self.end_s, asyncio.get_running_loop().time() + check.deadline_s)):
                return await check.run()
        except TimeoutError:
            self.unended.add(check.name)
            return _without_an_end(check, time.monotonic() - began_s)
        except StorageError as error:
            return Finding.failed(
                f"{str(error)[:1].upper()}{str(error)[1:]}".rstrip(".") + ".",
                error.fix or room_hint(error) or "Look at DATA_DIR, DATABASE_URL and AZURE_STORAGE_...",
            )
        except (BotError, TokenUnavailableError, OSError, ValueError, aiohttp.ClientError) as error:
            return Finding.failed(str(error) or type(error).__name__, "The log of teamsbot may say more.")

    async def _skipped(self, check: Check) -> Finding | None:
        for name in check.needs:
            found = await asyncio.shield(self.tasks[name])
            if found.status in {Status.FAIL, Status.SKIP} or name in self.unended:
                why = {Status.FAIL: "is broken", Status.SKIP: "was skipped"}.get(found.status, "came to no end")
                return Finding.skipped(f"not tried, because `{name}` {why}")
        if self.end_s - asyncio.get_running_loop().time() < _MIN_CHECK_S:
            return Finding.skipped(f"no time was left for it; run `teamsbot doctor {check.name}`")
        return None


def _without_an_end(check: Check, waited_s: float) -> Finding:
    if check.asks and waited_s >= _MAX_SILENCE_S:
        return Finding.failed(
            f"{check.asks} did not answer within {waited_s:.0f} s.",
            "Let this machine reach it: look at the address, name resolution, firewall and proxy.",
        )
    return Finding.warned(
        f"It was not done within {waited_s:.0f} s.", "Try again while the machine and its network are idle."
    )


def _clean(finding: Finding) -> Finding:
    """Without anything that looks like a key, and without what a terminal obeys: some text is a stranger's."""
    cause, fix = (_UNPRINTABLE.sub(" ", redact_text(text)) for text in (finding.cause, finding.fix))
    return Finding(status=finding.status, cause=cause, fix=fix)


def _check_settings(environ: Mapping[str, str], env_file: Path) -> Finding:
    report = SettingsReport.read(environ, env_file)
    count = sum(row.is_set for row in report.rows)
    try:
        is_open = env_file.stat().st_mode & 0o044
    except OSError:
        is_open = 0
    if is_open and any(row.is_secret and row.is_set for row in report.rows):
        return Finding.warned(f"{env_file} holds keys, and other users can read it.", f"Run: chmod 600 {env_file}")
    said = {0: "nothing is set, so the defaults hold", 1: "1 setting, valid"}.get(count, f"{count} settings, all valid")
    if report.warnings:
        return Finding.warned(report.warnings[0].wrong, report.warnings[0].fix)
    if report.profiles is not None:
        said = f"{said}; {len(report.profiles.all)} assistants in {Path(report.profiles_file).name}"
    if report.ignored:
        said = f"{said}; not settings of this program: {', '.join(report.ignored)}"
    return Finding.passed(said)


@dataclass(slots=True)
class _Examination:
    """The checks of one installation, and what they hand to one another."""

    _settings: Settings | None
    offline: bool
    stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    _token: BotToken | None = None
    _sandbox: CodeSandbox | None = None
    _storage: FileStorage | None = None
    _address: str | None = None  # of the running service

    @property
    def settings(self) -> Settings:
        assert self._settings is not None  # only names are asked of an examination without settings  # noqa: S101
        return self._settings

    def checks(self) -> tuple[Check, ...]:
        """In the order of a message's way, so that the first broken one is the one to mend first."""
        known = self._settings
        pool = "The session pool, or the service that gives its token," if known and known.dynamic_sessions else ""
        database = "PostgreSQL" if known and known.database_url else ""
        blobs = "Azure Blob Storage" if known and known.blobs else ""
        return (
            Check(name="clock", run=self._check_clock, deadline_s=6),
            Check(name="cloud", run=self._check_cloud, deadline_s=6),
            Check(name="token", run=self._check_token, deadline_s=8, asks="The login service"),
            Check(name="registration", run=self._check_registration, deadline_s=12, needs=("token",)),
            Check(name="graph", run=self._check_graph, deadline_s=12, needs=("token",), asks="Microsoft Graph"),
            Check(name="package", run=self._check_package, deadline_s=3),
            Check(name="keys", run=self._check_keys, deadline_s=8),
            Check(name="model", run=self._check_model, deadline_s=13),
            Check(name="sandbox", run=self._check_sandbox, asks=pool),
            Check(name="store", run=self._check_store, deadline_s=8, asks=database),
            Check(name="service", run=self._check_service, deadline_s=5),
            Check(name="files", run=self._check_files, deadline_s=12, needs=("store", "service"), asks=blobs),
            Check(name="endpoint", run=self._check_endpoint, deadline_s=9),
            Check(name="link", run=self._check_link, deadline_s=9, needs=("files",)),
            Check(name="turn", run=self._check_turn, needs=("model", "sandbox", "files")),
            Check(name="teams", run=self._check_teams, deadline_s=2),
        )

    async def _check_clock(self) -> Finding:
        teams = self.settings.teams
        if teams is None:
            return _NO_APP
        if self.offline:
            return _OFFLINE
        return await check_clock(teams.cloud.metadata_url)

    async def _check_token(self) -> Finding:
        if self.settings.teams is None:
            return _NO_APP
        if self.offline:
            return _OFFLINE
        self._token = await self.stack.enter_async_context(open_bot_token(self.settings))
        assert self._token is not None  # there is an app id  # noqa: S101
        return await self._token.check()

    async def _check_cloud(self) -> Finding:
        teams = self.settings.teams
        if teams is None:
            return _NO_APP
        if self.offline:
            return _OFFLINE
        return await check_cloud(teams.cloud, login_url=teams.login_url, tenant=teams.login_tenant)

    async def _check_registration(self) -> Finding:
        teams = self.settings.teams
        if teams is None:
            return _NO_APP
        if self.offline:
            return _OFFLINE
        tenants = teams.allowed_tenants
        registration = Registration(
            app_id=teams.app_id,
            secret=teams.credential.secret.reveal() if isinstance(teams.credential, ClientSecret) else None,
            has_certificate=isinstance(teams.credential, ClientCertificate),
            is_multi_tenant=teams.app_type is AppType.MULTI_TENANT,
            serves_other_tenants=tenants is None or bool(tenants - {teams.login_tenant}),
        )
        graph_url = teams.cloud.graph_url
        async with open_bot_token(self.settings, scope=teams.cloud.graph_scope) as token:
            if token is None:
                return _NO_APP
            return await check_registration(registration, graph_url=graph_url, token=token)

    async def _check_graph(self) -> Finding:
        teams = self.settings.teams
        if teams is None:
            return _NO_APP
        if not teams.reads_shared_files:
            return Finding.skipped("GRAPH_FILES is off: files of channels and group chats are not read")
        if self.offline:
            return _OFFLINE
        async with open_bot_token(self.settings, scope=teams.cloud.graph_scope) as token:
            if token is None:
                return _NO_APP
            return await check_graph(teams.cloud.graph_url, token, teams.app_id)

    async def _check_package(self) -> Finding:
        teams = self.settings.teams
        if teams is None:
            return _NO_APP
        look = partial(check_packages, Path.cwd(), teams.app_id, self.settings.public_url)
        return await asyncio.to_thread(look, reads_messages=teams.reads_shared_files or self.settings.max_context > 0)

    async def _check_keys(self) -> Finding:
        teams = self.settings.teams
        if teams is None:
            return _NO_APP
        if self.offline:
            return _OFFLINE
        async with connector_session() as session:
            keys = SigningKeys(issuer=teams.cloud.issuer, metadata_url=teams.cloud.metadata_url, session=session)
            return await keys.check("msteams")

    async def _check_model(self) -> Finding:
        if self.offline and self.settings.endpoint is not None:
            return _OFFLINE
        return await check_model(self.settings)

    async def _check_sandbox(self) -> Finding:
        if self.settings.backend is not Backend.EMBEDDED:
            return Finding.passed("the assistant's service runs the code")
        in_pool = self.settings.dynamic_sessions is not None
        if in_pool and self.offline:
            return _OFFLINE
        self._sandbox = sandbox = await self.stack.enter_async_context(open_sandbox(self.settings))
        return await check_sandbox(sandbox, self.settings)

    async def _check_store(self) -> Finding:
        folder = await asyncio.to_thread(prepare_data_dir, self.settings.data_dir)
        if self.settings.database_url is not None and self.offline:
            return _OFFLINE
        return await check_store(self.settings, folder)

    async def _check_service(self) -> Finding:
        host = f"[{self.settings.host}]" if ":" in self.settings.host else self.settings.host
        configured = reachable(f"http://{host}:{self.settings.port}")
        address = noted_address(self.settings.data_dir) or configured
        found = await check_service(address)
        if found.status is Status.PASS:
            self._address = address
        return found

    async def _check_files(self) -> Finding:
        if self.settings.blobs is not None and self.offline:
            return _OFFLINE
        address = self._address or "http://127.0.0.1:9"
        self._storage = await self.stack.enter_async_context(open_file_storage(self.settings, address))
        return await self._storage.files.check(_PICTURE)

    async def _check_endpoint(self) -> Finding:
        if not self.settings.is_public:
            return _NO_APP
        if self.settings.public_url is None:
            return Finding.warned(
                "PUBLIC_URL is not set, so the way from Teams to the bot cannot be tried.",
                "Set PUBLIC_URL to the address whose /api/messages is the bot's messaging endpoint.",
            )
        if self.offline and self.settings.public_url.startswith("https://"):
            return _OFFLINE
        return await check_endpoint(self.settings.public_url)

    async def _check_link(self) -> Finding:
        storage = self._opened_storage()
        if self.offline and (self.settings.public_url or self.settings.blobs):
            return _OFFLINE
        if self._address is None and storage.links.origin.endswith(":9"):
            return Finding.skipped("teamsbot is not running, and serves the links itself")
        kept = await storage.files.put(CHECKED, "check.png", _PICTURE)
        return await check_link(await storage.links.url(kept), _PICTURE)

    async def _check_turn(self) -> Finding:
        storage = self._opened_storage()
        if self._sandbox is None:  # another service runs the code
            self._sandbox = await self.stack.enter_async_context(open_sandbox(self.settings))
        if self.offline and self.settings.endpoint is not None:
            return _OFFLINE
        shared = Shared(sandbox=self._sandbox, storage=storage, drain_s=1.0)
        by_link = self._address is not None and not self.offline
        return await check_round_trip(self.settings, shared, by_link=by_link)

    async def _check_teams(self) -> Finding:
        if not self.settings.is_public:
            return _NO_APP
        endpoint = f"{self.settings.public_url or 'https://your-host'}/api/messages"
        return await asyncio.to_thread(partial(check_last_request, self.settings.data_dir, endpoint=endpoint))

    def _opened_storage(self) -> FileStorage:
        assert self._storage is not None  # the check `files`, which comes first, has opened it  # noqa: S101
        return self._storage
