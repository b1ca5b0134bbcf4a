"""Mistakes that no setting makes alone."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from service import setting_specs as specs
from service.setting_spec import SettingSpec
from service.setting_values import Backend
from service.settings_reading import Mistake, Reading
from service.storage_settings import judge_storage

_OPENAI = (specs.OPENAI_BASE_URL, specs.OPENAI_API_KEY)
_AZURE = (specs.AZURE_OPENAI_ENDPOINT, specs.AZURE_OPENAI_API_KEY, specs.AZURE_OPENAI_API_VERSION)
# The Assistants API at these addresses was switched off on 2026-08-26.
_WITHOUT_ASSISTANTS = ("api.openai.com", ".openai.azure.com")


def judge_together(reading: Reading) -> Iterator[Mistake]:
    """What the settings, each right by itself, get wrong together."""
    yield from _one_service(reading)
    yield from _azure_is_whole(reading)
    backend = _backend(reading)
    yield from judge_storage(reading, is_embedded=backend is Backend.EMBEDDED)
    match backend:
        case Backend.EMBEDDED:
            yield from _embedded(reading)
        case Backend.ASSISTANTS:
            yield from _assistants(reading)
        case None:
            return


def _backend(reading: Reading) -> Backend | None:
    try:
        return reading.value(specs.ASSISTANT_BACKEND)
    except ValueError:  # told already
        return None


def _one_service(reading: Reading) -> Iterator[Mistake]:
    openai, azure = _set(reading, _OPENAI), _set(reading, _AZURE)
    if openai and azure:
        yield Mistake(about=f"{openai} and {azure}", wrong="name two services; keep the one that shall answer")


def _azure_is_whole(reading: Reading) -> Iterator[Mistake]:
    present = _set(reading, _AZURE)
    if not present:
        return
    for spec in (specs.AZURE_OPENAI_ENDPOINT, specs.AZURE_OPENAI_API_KEY):
        if not reading.has(spec):
            yield _missing(spec, f"must be set together with {present}")


def _embedded(reading: Reading) -> Iterator[Mistake]:
    service = _set(reading, (*_OPENAI, *_AZURE))
    if service and not reading.has(specs.MODEL):
        yield _missing(
            specs.MODEL,
            f"must name the model that answers, because of {service}; to use the built-in tutor, "
            "leave all of them unset (an empty value in the environment does)",
        )
    if reading.has(specs.MODEL) and not service:
        yield Mistake(
            about=str(reading.found[specs.MODEL.name]),
            wrong="needs the service that has this model: set OPENAI_BASE_URL, OPENAI_API_KEY or AZURE_OPENAI_ENDPOINT",
            name=specs.MODEL.name,
            example="OPENAI_BASE_URL=http://127.0.0.1:11434/v1",
        )
    if reading.has(specs.ASSISTANT_ID):
        yield Mistake(
            about=str(reading.found[specs.ASSISTANT_ID.name]),
            wrong="belongs to ASSISTANT_BACKEND=assistants; the embedded assistant is found by ASSISTANT_NAME",
            name=specs.ASSISTANT_ID.name,
        )


def _assistants(reading: Reading) -> Iterator[Mistake]:
    if not (reading.has(specs.OPENAI_BASE_URL) or _set(reading, _AZURE)):
        yield _missing(
            specs.OPENAI_BASE_URL,
            "or AZURE_OPENAI_ENDPOINT must say where the Assistants service is (ASSISTANT_BACKEND=assistants)",
        )
    yield from _address_is_alive(reading)
    if not (reading.has(specs.ASSISTANT_ID) or reading.has(specs.MODEL)):
        yield _missing(specs.ASSISTANT_ID, "must name the assistant, or MODEL a model to make ASSISTANT_NAME with")
    if reading.has(specs.ASSISTANT_ID):
        others = _set(reading, (specs.MODEL, specs.ASSISTANT_NAME, specs.ASSISTANT_INSTRUCTIONS))
        if others:
            yield Mistake(about=others, wrong="would have no effect: the assistant of ASSISTANT_ID has its own")


def _address_is_alive(reading: Reading) -> Iterator[Mistake]:
    for spec in (specs.OPENAI_BASE_URL, specs.AZURE_OPENAI_ENDPOINT):
        try:
            address = reading.optional(spec) or ""
        except ValueError:  # told already
            continue
        host = urlsplit(address).hostname or ""
        if host.endswith(_WITHOUT_ASSISTANTS):
            yield Mistake(
                about=str(reading.found[spec.name]),
                wrong="has no Assistants service any more: OpenAI and Azure OpenAI switched it off on 2026-08-26. "
                "Use ASSISTANT_BACKEND=embedded, which puts a model of theirs behind this program's own",
                name=spec.name,
            )


def _set(reading: Reading, group: tuple[SettingSpec[object], ...]) -> str:
    """Those of the group that somebody has set, as words; empty if none."""
    return ", ".join(str(reading.found[spec.name]) for spec in group if reading.has(spec))


def _missing(spec: SettingSpec[object], wrong: str) -> Mistake:
    return Mistake(about=spec.name, wrong=wrong, name=spec.name, example=f"{spec.name}={spec.example}")
