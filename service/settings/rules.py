"""Rules across settings: mistakes that no setting makes alone."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from service.settings import table
from service.settings.parsers import Backend, is_loopback_host
from service.settings.sources import Mistake, Reading
from service.settings.table import AZURE_OPENAI, Setting

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
    yield from _check_model_service(reading)
    yield from _check_storage(reading, backend)
    match backend:
        case Backend.EMBEDDED:
            yield from _check_embedded(reading)
        case Backend.ASSISTANTS:
            yield from _check_assistants(reading)
        case None:
            return


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
    if chat_page and reading.has(table.DATABASE_URL):
        both = f"{reading.found[table.CHAT_PAGE.name]} and {reading.found[table.DATABASE_URL.name]}"
        yield Mistake(about=both, wrong="exclude each other: the chats of the page belong to one process")
    if reading.has(table.CHAT_PAGE_PORT) and not (is_public and chat_page):
        yield _wrong(
            reading,
            table.CHAT_PAGE_PORT,
            "would have no effect: it needs MicrosoftAppId and CHAT_PAGE=on; without MicrosoftAppId PORT is the page's",
        )


def _check_model_service(reading: Reading) -> Iterator[Mistake]:
    openai, azure = _names_set(reading, _OPENAI), _names_set(reading, AZURE_OPENAI)
    if openai and azure:
        yield Mistake(about=f"{openai} and {azure}", wrong="configure two services; keep one")
    if azure:
        for setting in (table.AZURE_OPENAI_ENDPOINT, table.AZURE_OPENAI_API_KEY):
            if not reading.has(setting):
                yield _missing(setting, f"must be set together with {azure}")


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
            "Name an Assistants service that all processes reach, or leave DATABASE_URL unset",
            name="ASSISTANT_BACKEND",
            example="ASSISTANT_BACKEND=assistants",
        )
    if not has_blobs:
        yield _missing(
            by_key,
            f"or AZURE_STORAGE_ACCOUNT_URL must be set because of {database}: other processes cannot read this one's "
            "DATA_DIR. For a single process leave DATABASE_URL unset",
        )


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


def _check_assistants(reading: Reading) -> Iterator[Mistake]:
    if not (reading.has(table.OPENAI_BASE_URL) or _names_set(reading, AZURE_OPENAI)):
        yield _missing(
            table.OPENAI_BASE_URL,
            "or AZURE_OPENAI_ENDPOINT must be the address of the Assistants service (ASSISTANT_BACKEND=assistants)",
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
                "Use ASSISTANT_BACKEND=embedded, which puts one of their models behind this program's own server",
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
