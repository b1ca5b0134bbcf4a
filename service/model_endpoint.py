"""The service that the backend talks to: with `embedded` the model behind it, with `assistants` the assistants."""

from __future__ import annotations

from dataclasses import dataclass

from service import setting_specs as specs
from service.secret import Secret
from service.settings_reading import Reading

OPENAI_URL = "https://api.openai.com/v1"


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAIEndpoint:
    """OpenAI or a service that speaks like it; local ones often want no key."""

    base_url: str
    api_key: Secret | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AzureEndpoint:
    """An Azure OpenAI resource; without `api_version` by its undated v1 API."""

    url: str
    api_key: Secret
    api_version: str | None


ModelEndpoint = OpenAIEndpoint | AzureEndpoint


def endpoint_of(reading: Reading) -> ModelEndpoint | None:
    """The one endpoint that the settings name, or None. The settings are known to be free of mistakes."""
    if reading.has(specs.AZURE_OPENAI_ENDPOINT):
        return AzureEndpoint(
            url=reading.value(specs.AZURE_OPENAI_ENDPOINT),
            api_key=reading.value(specs.AZURE_OPENAI_API_KEY),
            api_version=reading.optional(specs.AZURE_OPENAI_API_VERSION),
        )
    if reading.has(specs.OPENAI_BASE_URL) or reading.has(specs.OPENAI_API_KEY):
        return OpenAIEndpoint(
            base_url=reading.optional(specs.OPENAI_BASE_URL) or OPENAI_URL,
            api_key=reading.optional(specs.OPENAI_API_KEY),
        )
    return None
