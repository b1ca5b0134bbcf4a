"""Rules across settings: mistakes that no setting makes alone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from adapters.sandbox.code_result import IsolationLevel
from adapters.teams.clouds import CHANNEL_SERVICES
from service.settings import table
from service.settings.parsers import AppType, Backend, SandboxKind, is_loopback_host
from service.settings.sources import ENVIRONMENT, Advice, Mistake, Reading
from service.settings.table import AZURE_AI, AZURE_OPENAI, Setting

_OF_THE_PAGE = ("127.0.0.1", "::1", "localhost")
_OPENAI = (table.OPENAI_BASE_URL, table.OPENAI_API_KEY)
# The Assistants API at these addresses was switched off on 2026-08-26.
_WITHOUT_ASSISTANTS = ("api.openai.com", ".openai.azure.com")


def check_together(reading: Reading) -> Iterator[Mistake]:
    """Every mistake in the combination of settings."""
    try:
        backend = reading.value(table.ASSISTANT_BACKEND)
    except ValueError:  # already among the mistakes of the reading
        backend = None
    yield from _check_network(reading)
    yield from _check_teams(reading)
    yield from _check_model_service(reading, backend)
    yield from _check_storage(reading, backend)
    yield from _check_functions(reading, backend)
    yield from _check_sandbox(reading, backend)
    match backend:
        case Backend.EMBEDDED:
            yield from _check_embedded(reading)
        case Backend.RESPONSES:
            yield from _check_responses(reading)
        case Backend.ASSISTANTS:
            yield from _check_assistants(reading)
        case None:
            return


_KEYS_AND_ADDRESSES = (
    (table.OPENAI_API_KEY, table.OPENAI_BASE_URL),
    (table.AZURE_OPENAI_API_KEY, table.AZURE_OPENAI_ENDPOINT),
)


def warnings_together(reading: Reading) -> Iterator[Advice]:
    """What works, and may not be meant: a .env that lies in a folder could send the shell's own key elsewhere (S12)."""
    for key, address in _KEYS_AND_ADDRESSES:
        if reading.has(key) and reading.has(address):
            its, where = reading.found[key.name].origin, reading.found[address.name].origin
            if (its == ENVIRONMENT) != (where == ENVIRONMENT):
                yield Advice(
                    wrong=f"{key.name} is from {_place(its)}, and {address.name}, which decides who gets it, from "
                    f"{_place(where)}.",
                    fix="Put both into the same place, or remove the line of the address.",
                )
    for theirs, meant in reading.samples_names:
        yield Advice(
            wrong=f"{theirs} is not a setting of this program; what it says is called {meant} here.",
            fix=f"Set {meant} if this bot is to use it.",
        )


def _place(origin: str) -> str:
    return "the environment" if origin == ENVIRONMENT else origin


def _check_network(reading: Reading) -> Iterator[Mistake]:
    is_public = "MicrosoftAppId" in reading.found
    try:
        host, chat_page = reading.value(table.HOST), reading.optional(table.CHAT_PAGE)
    except ValueError:  # already among the mistakes of the reading
        return
    if not is_public and not is_loopback_host(host):
        yield _wrong(
            reading,
            table.HOST,
            "must be a loopback address as long as MicrosoftAppId is not set: callers are not authenticated then, "
            "so only this machine may reach the bot",
            example="HOST=127.0.0.1",
        )
    elif not is_public and host not in _OF_THE_PAGE:
        yield _wrong(
            reading,
            table.HOST,
            "must be 127.0.0.1, ::1 or localhost as long as MicrosoftAppId is not set: the chat page is served there",
            example="HOST=127.0.0.1",
        )
    by_storage = reading.has(table.AZURE_STORAGE_CONNECTION_STRING) or reading.has(table.AZURE_STORAGE_ACCOUNT_URL)
    if is_public and not reading.has(table.PUBLIC_URL) and not by_storage:
        yield _missing(
            table.PUBLIC_URL,
            "must be the address at which people reach this service, because of MicrosoftAppId: links to plots begin "
            "with it. Without one, set Azure Blob Storage (AZURE_STORAGE_...), to which links can lead instead",
        )
    if chat_page and reading.has(table.DATABASE_URL):
        both = f"{reading.found[table.CHAT_PAGE.name]} and {reading.found[table.DATABASE_URL.name]}"
        yield Mistake(about=both, wrong="exclude each other: the chats of the page belong to one process")
    if reading.has(table.CHAT_PAGE_PORT) and not (is_public and chat_page):
        yield _wrong(
            reading,
            table.CHAT_PAGE_PORT,
            "would have no effect: it needs MicrosoftAppId and CHAT_PAGE=on; without MicrosoftAppId PORT is the page's",
        )


def _check_teams(reading: Reading) -> Iterator[Mistake]:
    if not reading.has(table.MICROSOFT_APP_ID):
        others = _names_set(reading, table.TEAMS)
        if others:
            yield _missing(table.MICROSOFT_APP_ID, f"must be set together with {others}")
        return
    try:
        app_type = reading.value(table.MICROSOFT_APP_TYPE)
    except ValueError:  # already among the mistakes of the reading
        return
    yield from _check_teams_credential(reading, app_type)
    yield from _check_certificate(reading)
    yield from _check_channel_service(reading)
    if not reading.has(table.MICROSOFT_APP_TENANT_ID):
        if app_type is not AppType.MULTI_TENANT and not reading.has(table.LOGIN_URL):
            yield _missing(table.MICROSOFT_APP_TENANT_ID, f"must be set for {app_type}")
        elif not reading.has(table.ALLOWED_TENANTS):
            yield _missing(table.ALLOWED_TENANTS, "or MicrosoftAppTenantId must say whose people are answered")


def _check_teams_credential(reading: Reading, app_type: AppType) -> Iterator[Mistake]:
    credentials = _names_set(reading, table.TEAMS_CREDENTIALS)
    if app_type is AppType.USER_ASSIGNED_MSI:
        if credentials:
            yield Mistake(about=credentials, wrong="would have no effect: MicrosoftAppType is UserAssignedMSI")
    elif not credentials:
        yield _missing(
            table.MICROSOFT_APP_PASSWORD,
            "or MicrosoftAppCertificate or MicrosoftAppFederatedIdentity must be set: the bot proves by it who it is",
        )
    elif sum(reading.has(setting) for setting in table.TEAMS_CREDENTIALS) > 1:
        yield Mistake(about=credentials, wrong="are several credentials for one app; keep one")


def _check_certificate(reading: Reading) -> Iterator[Mistake]:
    try:
        path = reading.optional(table.MICROSOFT_APP_CERTIFICATE)
    except ValueError:  # already among the mistakes of the reading
        return
    if path is None:
        return
    if not (path.is_file() and os.access(path, os.R_OK)):
        yield _wrong(reading, table.MICROSOFT_APP_CERTIFICATE, "must be the path of a file that this user may read")
    elif fault := _certificate_fault(path):
        yield _wrong(reading, table.MICROSOFT_APP_CERTIFICATE, fault)


def _certificate_fault(path: Path) -> str:
    """Why Entra would not take the first certificate of a file with the first key in it; empty if nothing is wrong."""
    from cryptography import x509
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    content = path.read_bytes()
    try:
        key = load_pem_private_key(content, None)
        certified = x509.load_pem_x509_certificate(content).public_key()
    except TypeError:
        return "must be a file whose private key is not encrypted; `openssl pkey` writes the key without its password"
    except (ValueError, UnsupportedAlgorithm):
        return "must be a PEM file with both the certificate and its private key, of a kind that is known here"
    if not isinstance(key, RSAPrivateKey):
        return "must hold an RSA key: Entra takes no other kind"
    if certified != key.public_key():
        return "holds the key of another certificate; put the certificate's own key into the file"
    return ""


def _check_channel_service(reading: Reading) -> Iterator[Mistake]:
    try:
        cloud, service = reading.value(table.CLOUD), reading.optional(table.CHANNEL_SERVICE)
    except ValueError:  # already among the mistakes of the reading
        return
    if service is None:
        return
    if service not in CHANNEL_SERVICES:
        known = " or ".join(CHANNEL_SERVICES)
        yield _wrong(reading, table.CHANNEL_SERVICE, f"must be {known}; leave it unset in the public cloud")
    elif reading.has(table.CLOUD) and cloud not in CHANNEL_SERVICES[service]:
        both = f"{reading.found[table.CLOUD.name]} and {reading.found[table.CHANNEL_SERVICE.name]}"
        yield Mistake(about=both, wrong="name different clouds; keep one")


def _check_model_service(reading: Reading, backend: Backend | None) -> Iterator[Mistake]:
    services = [names for group in (_OPENAI, AZURE_OPENAI, AZURE_AI) if (names := _names_set(reading, group))]
    if len(services) > 1:
        yield Mistake(about=" and ".join(services), wrong="configure two services; keep one")
    if azure := _names_set(reading, AZURE_OPENAI):
        for setting in (table.AZURE_OPENAI_ENDPOINT, table.AZURE_OPENAI_API_KEY):
            by_identity = setting is table.AZURE_OPENAI_API_KEY and backend is Backend.RESPONSES
            if not reading.has(setting) and not by_identity:
                yield _missing(setting, f"must be set together with {azure}")
    if reading.has(table.AZURE_AI_AGENT_NAME) and not reading.has(table.AZURE_AI_PROJECT_ENDPOINT):
        yield _missing(table.AZURE_AI_PROJECT_ENDPOINT, "must be the project that has the agent of AZURE_AI_AGENT_NAME")
    yield from _check_backend_of_service(reading, backend)


def _check_backend_of_service(reading: Reading, backend: Backend | None) -> Iterator[Mistake]:
    of_responses = AZURE_AI if backend is Backend.EMBEDDED else (table.AZURE_AI_AGENT_NAME,)
    if backend is not Backend.RESPONSES and (foundry := _names_set(reading, of_responses)):
        yield Mistake(
            about=foundry,
            wrong="needs ASSISTANT_BACKEND=responses",
            name="ASSISTANT_BACKEND",
            example="ASSISTANT_BACKEND=responses",
        )
    if backend is not Backend.ASSISTANTS and reading.has(table.ASSISTANTS_API_VERSION):
        yield _wrong(reading, table.ASSISTANTS_API_VERSION, "belongs to ASSISTANT_BACKEND=assistants")
    elif reading.has(table.ASSISTANTS_API_VERSION) and _names_set(reading, AZURE_OPENAI):
        yield _wrong(
            reading,
            table.ASSISTANTS_API_VERSION,
            "would have no effect beside AZURE_OPENAI_API_VERSION and its service",
        )


def _check_storage(reading: Reading, backend: Backend | None) -> Iterator[Mistake]:
    by_key, by_identity = table.AZURE_STORAGE_CONNECTION_STRING, table.AZURE_STORAGE_ACCOUNT_URL
    if reading.has(by_key) and reading.has(by_identity):
        both = f"{reading.found[by_key.name]} and {reading.found[by_identity.name]}"
        yield Mistake(about=both, wrong="both configure Azure Blob Storage; keep one")
    has_blobs = reading.has(by_key) or reading.has(by_identity)
    if reading.has(table.AZURE_STORAGE_CONTAINER) and not has_blobs:
        yield _wrong(
            reading,
            table.AZURE_STORAGE_CONTAINER,
            "would have no effect: set AZURE_STORAGE_CONNECTION_STRING or AZURE_STORAGE_ACCOUNT_URL too",
        )
    if not reading.has(table.DATABASE_URL):
        return
    # With PostgreSQL another process may answer the next message, or serve a file that this one stored.
    database = reading.found[table.DATABASE_URL.name]
    if backend is Backend.EMBEDDED:
        yield Mistake(
            about="ASSISTANT_BACKEND",
            wrong=f"cannot be embedded because of {database}: threads of the embedded server belong to one process. "
            "Name a service that all processes reach, or leave DATABASE_URL unset",
            name="ASSISTANT_BACKEND",
            example="ASSISTANT_BACKEND=responses",
        )
    if not has_blobs:
        yield _missing(
            by_key,
            f"or AZURE_STORAGE_ACCOUNT_URL must be set because of {database}: other processes cannot read this one's "
            "DATA_DIR. For a single process leave DATABASE_URL unset",
        )


def _check_functions(reading: Reading, backend: Backend | None) -> Iterator[Mistake]:
    if not reading.has(table.FUNCTIONS_DIR):
        if reading.has(table.FUNCTIONS_TIMEOUT_S):
            yield _wrong(reading, table.FUNCTIONS_TIMEOUT_S, "would have no effect: FUNCTIONS_DIR is not set")
    elif backend is Backend.EMBEDDED and not _names_set(reading, (*_OPENAI, *AZURE_OPENAI)):
        yield _wrong(
            reading,
            table.FUNCTIONS_DIR,
            "would have no effect: the built-in tutor calls no functions. Set OPENAI_BASE_URL and MODEL, such as those "
            "of Ollama; `teamsbot functions` tries functions without a model",
            example="OPENAI_BASE_URL=http://127.0.0.1:11434/v1",
        )


def _check_sandbox(reading: Reading, backend: Backend | None) -> Iterator[Mistake]:
    endpoint = table.DYNAMIC_SESSIONS_ENDPOINT
    try:
        kind, at_least = reading.optional(table.SANDBOX), reading.optional(table.SANDBOX_AT_LEAST)
    except ValueError:  # already among the mistakes of the reading
        return
    if reading.has(endpoint):
        if backend in (Backend.RESPONSES, Backend.ASSISTANTS):
            yield _wrong(reading, endpoint, f"would have no effect: the service of {backend} runs the code itself")
        elif kind is SandboxKind.LOCAL:
            yield _wrong(reading, endpoint, "would have no effect: SANDBOX is local")
    elif kind is SandboxKind.DYNAMIC_SESSIONS:
        yield _missing(endpoint, "must be the management endpoint of the session pool, because of SANDBOX")
    elif at_least is IsolationLevel.DYNAMIC_SESSIONS:
        yield _missing(endpoint, "must be the management endpoint of a session pool, because of SANDBOX_AT_LEAST")


def _check_embedded(reading: Reading) -> Iterator[Mistake]:
    service = _names_set(reading, (*_OPENAI, *AZURE_OPENAI))
    if service and not reading.has(table.MODEL):
        yield _missing(
            table.MODEL,
            f"must name the model that answers, because of {service}; to use the built-in tutor, "
            "leave all of them unset (an empty value in the environment does)",
        )
    if reading.has(table.MODEL) and not service:
        yield _wrong(
            reading,
            table.MODEL,
            "needs the service that has this model: set OPENAI_BASE_URL, OPENAI_API_KEY or AZURE_OPENAI_ENDPOINT",
            example="OPENAI_BASE_URL=http://127.0.0.1:11434/v1",
        )
    if reading.has(table.ASSISTANT_ID):
        yield _wrong(
            reading,
            table.ASSISTANT_ID,
            "belongs to ASSISTANT_BACKEND=assistants; the embedded assistant is found by ASSISTANT_NAME",
        )


def _check_responses(reading: Reading) -> Iterator[Mistake]:
    if not _names_set(reading, (*_OPENAI, *AZURE_OPENAI, *AZURE_AI)):
        yield _missing(
            table.OPENAI_API_KEY,
            "or AZURE_OPENAI_ENDPOINT or AZURE_AI_PROJECT_ENDPOINT must be set: the service of "
            "ASSISTANT_BACKEND=responses",
        )
    if reading.has(table.AZURE_AI_AGENT_NAME):
        others = _names_set(reading, (table.MODEL, table.ASSISTANT_INSTRUCTIONS))
        if others:
            yield Mistake(about=others, wrong="would have no effect: the agent of AZURE_AI_AGENT_NAME has its own")
    elif not reading.has(table.MODEL):
        yield _missing(
            table.MODEL,
            "must name the model that answers (with Azure, its deployment): ASSISTANT_BACKEND=responses has no default",
        )
    if reading.has(table.ASSISTANT_ID):
        yield _wrong(reading, table.ASSISTANT_ID, "belongs to ASSISTANT_BACKEND=assistants")
    if reading.has(table.AZURE_OPENAI_API_VERSION):
        yield _wrong(
            reading, table.AZURE_OPENAI_API_VERSION, "would have no effect: the Responses API is the undated v1"
        )


def _check_assistants(reading: Reading) -> Iterator[Mistake]:
    addresses = (table.OPENAI_BASE_URL, *AZURE_OPENAI, table.AZURE_AI_PROJECT_ENDPOINT)
    if not _names_set(reading, addresses):
        yield _missing(
            table.OPENAI_BASE_URL,
            "or AZURE_AI_PROJECT_ENDPOINT or AZURE_OPENAI_ENDPOINT must be the address of the Assistants service "
            "(ASSISTANT_BACKEND=assistants)",
        )
    for setting in (table.OPENAI_BASE_URL, table.AZURE_OPENAI_ENDPOINT):
        try:
            host = urlsplit(reading.optional(setting) or "").hostname or ""
        except ValueError:  # already among the mistakes of the reading
            continue
        if host.endswith(_WITHOUT_ASSISTANTS):
            yield _wrong(
                reading,
                setting,
                "has no Assistants service any more: OpenAI and Azure OpenAI switched it off on 2026-08-26. "
                "Use ASSISTANT_BACKEND=responses; or embedded, which puts one of their models behind this program's "
                "own server",
            )
    if not reading.has(table.ASSISTANT_ID):
        if not reading.has(table.MODEL):
            yield _missing(table.ASSISTANT_ID, "must be set, or MODEL, to create ASSISTANT_NAME with")
        return
    others = _names_set(reading, (table.MODEL, table.ASSISTANT_NAME, table.ASSISTANT_INSTRUCTIONS))
    if others:
        yield Mistake(about=others, wrong="would have no effect: the assistant of ASSISTANT_ID has its own")


def _names_set(reading: Reading, group: tuple[Setting[object], ...]) -> str:
    """Those of the group that are set, with their origins, as a list for a sentence; empty if none is."""
    return ", ".join(str(reading.found[setting.name]) for setting in group if reading.has(setting))


def _wrong(reading: Reading, setting: Setting[object], wrong: str, *, example: str | None = None) -> Mistake:
    return Mistake(about=str(reading.found[setting.name]), wrong=wrong, name=setting.name, example=example)


def _missing(setting: Setting[object], wrong: str) -> Mistake:
    return Mistake(about=setting.name, wrong=wrong, name=setting.name, example=f"{setting.name}={setting.example}")
