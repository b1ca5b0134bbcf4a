"""The bot's app registration in Microsoft Entra ID, and its tenant, as `teamsbot doctor` looks at them.

https://learn.microsoft.com/graph/api/application-get. An app may read its own registration only if an administrator
granted it Application.Read.All; where it may not, an administrator's own sign-in (`az`) can.
"""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import aiohttp
import orjson

from adapters.teams.bot_token import BotToken, TokenUnavailableError
from adapters.teams.clouds import CLOUDS, Cloud
from bot.diagnosis import Finding
from httpkit.json_body import read_start

_WARN_AHEAD: Final = timedelta(days=30)
_TIMEOUT: Final = aiohttp.ClientTimeout(total=5.0)
_COMMAND_S: Final = 8.0
_MAX_BYTES: Final = 1_000_000
_FIELDS: Final = "displayName,signInAudience,passwordCredentials,keyCredentials"
_HINT_CHARS: Final = 3  # of a secret that Entra shows

# What `tenant_region_sub_scope` of a tenant's OpenID metadata says. It is not documented, so only a clear contradiction
# counts.
_SUB_SCOPES: Final[Mapping[str, str]] = {"GCC": "gcc", "DODCON": "gcch", "DOD": "dod"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """What the settings say of the registration. `secret` is None for a bot with another credential."""

    app_id: str
    secret: str | None
    has_certificate: bool
    is_multi_tenant: bool
    serves_other_tenants: bool


async def check_registration(
    registration: Registration,
    *,
    graph_url: str,
    token: BotToken,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Finding:
    """Whether the registration is as the settings say, and its credential lasts 30 days. `token` is for Graph."""
    application = await _from_graph(graph_url, registration.app_id, token) or await _from_az(registration.app_id)
    if isinstance(application, Finding):
        return application
    if application is None:
        return Finding.skipped(
            "the app may not read its own registration: grant it Application.Read.All, sign in with az, or run "
            "teams app doctor"
        )
    return _audience(registration, application) or _credential(registration, application, now())


async def check_cloud(cloud: Cloud, *, login_url: str, tenant: str) -> Finding:
    """Whether the bot's tenant is in the cloud that the settings name."""
    name = next((name for name, known in CLOUDS.items() if known.connector_hosts == cloud.connector_hosts), "public")
    try:
        async with (
            aiohttp.ClientSession(timeout=_TIMEOUT) as session,
            session.get(f"{login_url}/{tenant}/v2.0/.well-known/openid-configuration", allow_redirects=False) as told,
        ):
            body = orjson.loads(await read_start(told.content, max_bytes=_MAX_BYTES))
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
        return Finding.skipped("the login service says nothing about the tenant; see the check `token`")
    match body:
        case {"error_description": str(text)} if re.search(r"AADSTS90002|AADSTS900023", text):
            return Finding.failed(
                f"There is no tenant {tenant} in the cloud `{name}`.",
                "Correct MicrosoftAppTenantId, or name the tenant's cloud in CLOUD.",
            )
        case {"issuer": str()}:
            belongs = _SUB_SCOPES.get(str(body.get("tenant_region_sub_scope")), name)
            if belongs != name:
                return Finding.failed(
                    f"The tenant is in the cloud `{belongs}`, and CLOUD says `{name}`.", f"Set CLOUD={belongs}."
                )
            return Finding.passed(f"the tenant is in the cloud `{name}`")
        case _:
            return Finding.skipped("the login service says nothing about the tenant; see the check `token`")


async def _from_graph(graph_url: str, app_id: str, token: BotToken) -> Finding | dict[str, object] | None:
    """The application object; a finding if there is none; None if this app may not ask."""
    try:
        headers = {"Authorization": f"Bearer {await token.get()}"}
        async with (
            aiohttp.ClientSession(timeout=_TIMEOUT, headers=headers) as session,
            session.get(
                f"{graph_url}/v1.0/applications(appId='{app_id}')", params={"$select": _FIELDS}, allow_redirects=False
            ) as answer,
        ):
            body = orjson.loads(await read_start(answer.content, max_bytes=_MAX_BYTES))
    except (aiohttp.ClientError, TokenUnavailableError, TimeoutError, OSError, ValueError):
        return None
    if answer.status == 404:
        return Finding.failed(
            f"The tenant has no app registration {app_id}.",
            "Set MicrosoftAppId to the registration's application (client) id, not to its object id.",
        )
    return body if answer.status == 200 and isinstance(body, dict) else None


async def _from_az(app_id: str) -> dict[str, object] | None:
    """The same as the administrator at this machine sees it, who signed in with `az login`."""
    program = shutil.which("az")
    if program is None:
        return None
    process = await asyncio.create_subprocess_exec(
        program, "ad", "app", "show", "--id", app_id, "--output", "json",
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        async with asyncio.timeout(_COMMAND_S):
            out, _ = await process.communicate()
        body = orjson.loads(out) if process.returncode == 0 else None
    except (TimeoutError, ValueError):
        return None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return body if isinstance(body, dict) else None


def _audience(registration: Registration, application: dict[str, object]) -> Finding | None:
    audience = application.get("signInAudience")
    to_many = "Run: az ad app update --sign-in-audience AzureADMultipleOrgs --id followed by MicrosoftAppId."
    if audience == "PersonalMicrosoftAccount":
        return Finding.failed("The registration (signInAudience) is for personal accounts only.", to_many)
    if audience != "AzureADMyOrg":
        return None
    if registration.is_multi_tenant:
        return Finding.failed(
            "MicrosoftAppType is MultiTenant, and the registration is for one tenant (signInAudience AzureADMyOrg).",
            "Set MicrosoftAppType=SingleTenant and MicrosoftAppTenantId.",
        )
    if registration.serves_other_tenants:
        return Finding.failed(
            "ALLOWED_TENANTS names other tenants, and the registration is for one (signInAudience AzureADMyOrg).",
            to_many,
        )
    return None


def _credential(registration: Registration, application: dict[str, object], now: datetime) -> Finding:
    kind, field = ("client secret", "passwordCredentials") if registration.secret else ("certificate", "keyCredentials")
    listed = application.get(field)
    rows = [row for row in listed if isinstance(row, dict)] if isinstance(listed, list) else []
    known = Finding.passed("the registration fits the settings")
    if registration.secret is None and not registration.has_certificate:
        return known
    if registration.secret is not None:
        hint = registration.secret[:_HINT_CHARS]
        rows = [row for row in rows if row.get("hint") in {hint, None}]
    fix = f"Make a new {kind} for the registration, put it into the settings, and start teamsbot again."
    if not rows:
        return Finding.failed(f"The registration does not have the {kind} that the settings hold.", fix)
    ends = [end for row in rows if (end := _time(row.get("endDateTime"))) is not None]
    if not ends:
        return known
    last = max(ends)
    if last <= now:
        return Finding.failed(f"The {kind} expired on {last:%Y-%m-%d}.", fix)
    if last - now <= _WARN_AHEAD:
        days = (last - now).days
        when = {0: "in less than a day", 1: "in 1 day"}.get(days, f"in {days} days")
        return Finding.warned(f"The {kind} ends on {last:%Y-%m-%d}, {when}.", fix)
    return Finding.passed(f"the registration fits the settings; its {kind} lasts until {last:%Y-%m-%d}")


def _time(text: object) -> datetime | None:
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
