"""Asks each model one small question, as `teamsbot doctor` does, and reads what its service's refusal means."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final
from urllib.parse import quote, urlsplit

import aiohttp
import orjson

from adapters.embedded.models.endpoint_check import find_endpoint_fault
from bot.diagnosis import Finding, Status
from bot.errors import AssistantError
from httpkit.json_body import read_start
from service.hosted_assistants import open_service_endpoint
from service.settings import AzureEndpoint, Backend, FoundryEndpoint, OpenAIEndpoint, Settings
from service.settings.assistants_file import BUILT_IN_TUTOR

log = logging.getLogger(__name__)

_ANSWER_S: Final = 8.0
_TOTAL_S: Final = 12.0
_MAX_ANSWER_BYTES: Final = 4_000_000
_WARN_AHEAD: Final = timedelta(days=60)
_MAX_LISTED: Final = 5

# OpenAI's deprecations page (developers.openai.com/api/docs/deprecations), read 2026-11-29; a service that says
# `shutdown_date` itself is believed first.
SHUTDOWNS: Final[Mapping[str, date]] = {
    "gpt-5": date(2026, 12, 11),
    "gpt-5-mini": date(2026, 12, 11),
    "gpt-5-nano": date(2026, 12, 11),
    "o3": date(2026, 12, 11),
    "gpt-4o": date(2027, 1, 14),
    "gpt-4.1": date(2027, 1, 14),
    "gpt-5.1": date(2027, 4, 1),
}
_UNKNOWN: Final = re.compile(r"not.?found|not exist|not have access|unknown|invalid model|valid model")
_SNAPSHOT: Final = re.compile(r"-20\d\d-\d\d-\d\d$")

# How keys of services look; only the kind of a key is ever shown.
_KEY_KINDS: Final = (
    (re.compile(r"sk-ant-"), "Anthropic", "anthropic.com"),
    (re.compile(r"sk-or-"), "OpenRouter", "openrouter.ai"),
    (re.compile(r"gsk_"), "Groq", "groq.com"),
    (re.compile(r"xai-"), "xAI", "x.ai"),
    (re.compile(r"AIza"), "Google", "googleapis.com"),
    (re.compile(r"hf_"), "Hugging Face", "huggingface.co"),
    (re.compile(r"sk-"), "OpenAI", "openai.com"),
    (re.compile(r"[0-9a-f]{32}$|[0-9A-Za-z]{84}$"), "Azure", "azure.com"),
)


async def find_model_fault(settings: Settings) -> str | None:
    """What keeps the model from being asked, as far as one request tells; None where another service asks it."""
    if settings.backend is not Backend.EMBEDDED:
        return None
    match settings.endpoint:
        case OpenAIEndpoint(base_url=url, api_key=key):
            setting, headers = "OPENAI_BASE_URL", {"Authorization": f"Bearer {key.reveal() if key else 'none'}"}
        case AzureEndpoint(url=url, api_key=key):
            setting, headers = "AZURE_OPENAI_ENDPOINT", {"api-key": key.reveal() if key else "none"}
            url = f"{url.rstrip('/')}/openai/v1"
        case None | FoundryEndpoint():
            return None
    fault = await find_endpoint_fault(url, setting=setting, headers=headers)
    if fault:
        log.warning("model endpoint unusable", extra={"setting": setting})
    return fault


@dataclass(frozen=True, slots=True, kw_only=True)
class _Service:
    """Where the model is asked; `key` is for its headers and its kind, and is never shown."""

    url: str
    key: str
    headers: Mapping[str, str]
    url_setting: str
    key_setting: str
    has_deployments: bool
    has_responses: bool
    query: str

    @property
    def host(self) -> str:
        return urlsplit(self.url).netloc


@dataclass(frozen=True, slots=True, kw_only=True)
class _Named:
    """A model, or an assistant of the service, that the settings name; `by` is where it is written."""

    name: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    status: int
    body: object

    @property
    def error(self) -> str:
        """The error's code and message in lower case, wherever the service puts them."""
        match self.body:
            case {"error": {**fields}}:
                return f"{fields.get('code')} {fields.get('message')}".lower()
            case {"error": str(text)} | {"message": str(text)} | {"detail": str(text)}:
                return text.lower()
            case _:
                return ""


async def check_model(  # noqa: PLR0911 - one for each fault
    settings: Settings, *, today: Callable[[], date] = date.today
) -> Finding:
    """Whether each model or assistant that the settings name answers, and how long it will be there.

    Where several do not, it names the first.
    """
    if settings.endpoint is None:
        return Finding.passed("the built-in tutor answers: mathematics only, no language model")
    try:
        async with asyncio.timeout(_TOTAL_S), _service(settings) as service:
            if fault := await find_endpoint_fault(service.url, setting=service.url_setting, headers=service.headers):
                return Finding.failed(
                    fault, f"Correct {service.url_setting} or start the model's server, then start teamsbot."
                )
            timeout = aiohttp.ClientTimeout(total=_ANSWER_S, connect=3.0)
            async with aiohttp.ClientSession(timeout=timeout, headers=service.headers) as session:
                if settings.backend is Backend.ASSISTANTS:
                    return await _check_assistants(session, service, settings)
                models = _models(settings)
                if not models:
                    return await _check_agent(session, service)
                return _worst(
                    await asyncio.gather(*(_check_one(session, service, model, today()) for model in models)),
                    passed=f"{' and '.join(model.name for model in models)} at {service.host} "
                    f"{'answers' if len(models) == 1 else 'answer'}",
                )
    except AssistantError as error:  # no token of an identity
        return Finding.failed(
            f"{error}.", "Give this machine a managed identity that may use the model's service, or set a key."
        )
    except TimeoutError:
        return Finding.warned(
            f"The model's service did not answer within {_TOTAL_S:g} s.", "Look at its server, and try again."
        )
    except (aiohttp.ClientError, OSError) as error:
        return Finding.failed(
            f"The model's server broke off without an answer ({type(error).__name__}).", "Look at its log."
        )


def _models(settings: Settings) -> tuple[_Named, ...]:
    """Each model once: that of the settings first, then those of assistants that have one of their own."""
    found = {settings.model: _Named(name=settings.model, by="MODEL")} if settings.model else {}
    for profile in settings.profiles.all:
        if profile.model and profile.model != BUILT_IN_TUTOR:
            found.setdefault(profile.model, _Named(name=profile.model, by=_of(profile.name, "model")))
    return tuple(found.values())


def _of(assistant: str, key: str) -> str:
    return f"`{key}` of the assistant {assistant}"


def _worst(findings: Sequence[Finding], *, passed: str) -> Finding:
    """The first that failed, else the first that warned, else that all is well."""
    for status in (Status.FAIL, Status.WARN):
        for finding in findings:
            if finding.status is status:
                return finding
    return Finding.passed(passed)


async def _check_one(session: aiohttp.ClientSession, service: _Service, model: _Named, today: date) -> Finding:
    async def shown() -> _Answer | None:
        try:
            return await _get(session, service, f"/models/{quote(model.name, safe='')}")
        except (aiohttp.ClientError, TimeoutError, OSError):
            return None  # the model is judged by its answer alone

    try:
        asked, described = await asyncio.gather(_ask(session, service, model.name), shown())
        return await _refusal(session, service, model, asked) or _lifetime(service, model, described, today)
    except TimeoutError:
        return Finding.warned(
            f"{model.name} at {service.host} did not answer a small question within {_ANSWER_S:g} s.",
            "Wait if the model is being loaded; else look at its server.",
        )
    except (aiohttp.ClientError, OSError) as error:
        return Finding.failed(
            f"{service.host} broke off without an answer to {model.name} ({type(error).__name__}).", "Look at its log."
        )


@asynccontextmanager
async def _service(settings: Settings) -> AsyncIterator[_Service]:
    """Where the model is asked. Raises AssistantError if an identity gets no token."""
    match settings.endpoint:
        case OpenAIEndpoint(api_key=secret):
            names, key, has_deployments = ("OPENAI_BASE_URL", "OPENAI_API_KEY"), secret, False
        case AzureEndpoint(api_key=secret):
            names, key, has_deployments = ("AZURE_OPENAI_ENDPOINT", "AZURE_OPENAI_API_KEY"), secret, True
        case FoundryEndpoint() | None:
            names, key, has_deployments = ("AZURE_AI_PROJECT_ENDPOINT", "the identity of this machine"), None, True
    async with open_service_endpoint(settings) as endpoint:
        bearer = await endpoint.token() if endpoint.token is not None else endpoint.api_key
        headers = {"api-key": bearer} if endpoint.azure_key else {"Authorization": f"Bearer {bearer}"}
        if endpoint.beta:
            headers["OpenAI-Beta"] = endpoint.beta
        url, query = endpoint.base_url.rstrip("/"), ""
        if endpoint.api_version:
            query = f"?api-version={endpoint.api_version}"
        if settings.backend is Backend.EMBEDDED and isinstance(settings.endpoint, AzureEndpoint):
            url = f"{settings.endpoint.url.rstrip('/')}/openai/v1"
            query = f"?api-version={settings.endpoint.api_version}" if settings.endpoint.api_version else ""
        yield _Service(
            url=url,
            key=key.reveal() if key else "",
            headers=headers,
            url_setting=names[0],
            key_setting=names[1],
            has_deployments=has_deployments,
            has_responses=settings.backend is Backend.RESPONSES,
            query=query,
        )


async def _ask(session: aiohttp.ClientSession, service: _Service, name: str) -> _Answer:
    words = "Reply with the one word: yes"
    url = f"{service.url}/chat/completions"
    question: dict[str, object] = {"model": name, "messages": [{"role": "user", "content": words}]}
    if service.has_responses:
        url, question = f"{service.url}/responses", {"model": name, "input": words, "store": False}
    elif service.query:  # a dated version of Azure's API
        url = f"{service.url.removesuffix('/v1')}/deployments/{quote(name, safe='')}/chat/completions{service.query}"
    async with session.post(url, json=question, allow_redirects=False) as response:
        return await _read(response)


async def _check_agent(session: aiohttp.ClientSession, service: _Service) -> Finding:
    """An agent brings its model itself; that a conversation can be made shows address and identity to be right."""
    async with session.post(f"{service.url}/conversations", json={}, allow_redirects=False) as response:
        answer = await _read(response)
    if answer.status in {401, 403}:
        return _wrong_key(service, answer)
    if answer.status != 200:
        return Finding.failed(
            f"{service.host} makes no conversation ({answer.status}).", f"Correct {service.url_setting}."
        )
    return Finding.passed(f"the agent's service at {service.host} answers")


async def _get(session: aiohttp.ClientSession, service: _Service, path: str) -> _Answer:
    async with session.get(f"{service.url}{path}{service.query}", allow_redirects=False) as response:
        return await _read(response)


async def _read(response: aiohttp.ClientResponse) -> _Answer:
    body = await read_start(response.content, max_bytes=_MAX_ANSWER_BYTES)
    try:
        return _Answer(status=response.status, body=orjson.loads(body))
    except orjson.JSONDecodeError:
        return _Answer(status=response.status, body=None)


async def _check_assistants(session: aiohttp.ClientSession, service: _Service, settings: Settings) -> Finding:
    """That the service is one, and has each assistant whose id is written down."""
    named = {
        profile.service_id: _Named(
            name=profile.service_id,
            by="ASSISTANT_ID" if profile.service_id == settings.assistant_id else _of(profile.name, "id"),
        )
        for profile in settings.profiles.all
        if profile.service_id
    }

    async def check(assistant: _Named | None) -> Finding:
        path = f"/assistants/{quote(assistant.name, safe='')}" if assistant else "/assistants"
        try:
            answer = await _get(session, service, path)
        except TimeoutError:
            return Finding.warned(
                f"{service.host} did not answer within {_ANSWER_S:g} s.", "Look at its server, and try again."
            )
        except (aiohttp.ClientError, OSError) as error:
            return Finding.failed(
                f"{service.host} broke off without an answer ({type(error).__name__}).", "Look at its log."
            )
        if answer.status in {401, 403}:
            return _wrong_key(service, answer)
        if answer.status == 404 and assistant:
            return Finding.failed(
                f"{service.host} has no assistant {assistant.name}.",
                f"Correct {assistant.by}, or leave it out: teamsbot then makes one with MODEL.",
            )
        if answer.status != 200 or not isinstance(answer.body, dict):
            return Finding.failed(
                f"{service.host} serves no Assistants API ({answer.status}).", f"Correct {service.url_setting}."
            )
        return Finding.passed("")

    found = await asyncio.gather(*map(check, named.values() or (None,)))
    return _worst(found, passed=f"the Assistants service at {service.host} answers")


async def _refusal(  # noqa: PLR0911 - one for each fault
    session: aiohttp.ClientSession, service: _Service, model: _Named, answer: _Answer
) -> Finding | None:
    """What an answer to the small question says is wrong; None if the model answered."""
    is_unknown = re.search(r"model|deployment", answer.error) and _UNKNOWN.search(answer.error)
    if answer.status == 401 or (answer.status == 403 and not is_unknown):
        return _wrong_key(service, answer)
    if answer.status == 404 or (answer.status in {400, 403} and is_unknown):
        return await _missing(session, service, model, is_told=bool(is_unknown))
    is_rate = re.search(r"\brate\b|per.minute|per.second", answer.error)
    if answer.status == 402 or (answer.status == 429 and "quota" in answer.error and not is_rate):
        return Finding.failed(f"The quota at {service.host} is used up.", "Raise the quota or pay the bill there.")
    if answer.status == 429:
        return Finding.warned(f"{service.host} limits the rate just now (429).", "Raise the rate limit there.")
    if 300 <= answer.status < 400:
        return Finding.failed(
            f"{service.host} redirects questions ({answer.status}), and the key follows no redirect.",
            f"Correct {service.url_setting}: it must be the address of the API, and no page or sign-in before it.",
        )
    if answer.status >= 500:
        return Finding.failed(
            f"{service.host} has trouble of its own ({answer.status}).", "Look at the service's status page or log."
        )
    if answer.status != 200 or not (isinstance(answer.body, dict) and answer.body.keys() & {"choices", "output"}):
        return Finding.warned(
            f"{service.host} answered a small question to {model.name} with {answer.status} and no text.",
            f"Check that {service.url_setting} is a service of chat models and that {model.by} is one.",
        )
    return None


async def _missing(session: aiohttp.ClientSession, service: _Service, model: _Named, *, is_told: bool) -> Finding:
    """No model, or no address of models: `is_told` where the service says that it is the model."""
    if service.has_deployments:
        return Finding.failed(
            f"{service.host} has no deployment called {model.name}.",
            f"Set {model.by} to the name of a deployment of that resource (not of a model), or deploy it.",
        )
    listed = await _get(session, service, "/models")
    if listed.status == 404 and not is_told:
        return Finding.failed(
            f"{service.url} is no address of models: it has no /models, and nothing that answers questions.",
            f"Correct {service.url_setting}: such addresses mostly end in /v1.",
        )
    return Finding.failed(f"{service.host} has no model called {model.name}.", _known_models(listed, model))


def _wrong_key(service: _Service, answer: _Answer) -> Finding:
    kind = next(((of, domain) for form, of, domain in _KEY_KINDS if form.match(service.key)), None)
    cause = f"{service.host} refuses the key in {service.key_setting} ({answer.status})."
    if kind is not None and not service.host.partition(":")[0].endswith(kind[1]):
        cause = f"{service.host} refuses the key in {service.key_setting} ({answer.status}): it is {kind[0]}'s."
    return Finding.failed(
        cause,
        f"Set {service.key_setting} to a key of {service.host}, or {service.url_setting} to the key's own service. "
        "`teamsbot config` shows where each came from.",
    )


def _known_models(listed: _Answer, model: _Named) -> str:
    rows = listed.body.get("data") if isinstance(listed.body, dict) else None
    names = [row["id"] for row in rows or () if isinstance(row, dict) and isinstance(row.get("id"), str)]
    if not names:
        return f"Set {model.by} to a model that the service has."
    more = f" and {len(names) - _MAX_LISTED} more" if len(names) > _MAX_LISTED else ""
    return f"Set {model.by} to one that it has: {', '.join(names[:_MAX_LISTED])}{more}."


def _lifetime(service: _Service, model: _Named, described: _Answer | None, today: date) -> Finding:
    body = described.body if described is not None and isinstance(described.body, dict) else {}
    ends = _date(body.get("shutdown_date"))
    if ends is None and service.host.endswith("api.openai.com"):
        ends = SHUTDOWNS.get(_SNAPSHOT.sub("", model.name))
    if ends is not None and ends - today <= _WARN_AHEAD:
        when = f"is switched off on {ends:%Y-%m-%d}" if ends >= today else f"was to be switched off on {ends:%Y-%m-%d}"
        return Finding.warned(f"{model.name} answers, but {when}.", f"Choose its successor, and set {model.by} to it.")
    return Finding.passed(f"{model.name} at {service.host} answers")


def _date(value: object) -> date | None:
    """A day as services write it: ISO 8601, or unix seconds."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return datetime.fromtimestamp(value, UTC).date() if 0 < value < 1e11 else None
    try:
        return date.fromisoformat(str(value)[:10])
    except ValueError:
        return None
