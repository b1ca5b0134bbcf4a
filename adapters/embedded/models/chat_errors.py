"""What is said when a Chat Completions endpoint cannot be used: one sentence that names the settings to look at.

What the endpoint itself says in words is dropped, since it may quote the user or the key.
"""

from __future__ import annotations

from dataclasses import dataclass

from adapters.embedded.models.port import ModelError

REFUSALS = frozenset({400, 413, 422})


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingNames:
    """The settings behind an endpoint."""

    url: str = "OPENAI_BASE_URL"
    key: str = "OPENAI_API_KEY"


AZURE_NAMES = SettingNames(url="AZURE_OPENAI_ENDPOINT", key="AZURE_OPENAI_API_KEY")


class PassingError(ModelError):
    """Trouble that may pass by itself."""


def status_error(status: int, data: bytes, retry_after_s: float | None, names: SettingNames) -> ModelError:
    """The error for an HTTP status other than 200."""
    if status == 429:
        said = "The model's endpoint is over its rate limit or its quota (429); try again later."
        return PassingError(said, code="rate_limit_exceeded", retry_after_s=retry_after_s)
    if status >= 500:
        return PassingError(f"The model's endpoint failed ({status}).", retry_after_s=retry_after_s)
    if status in REFUSALS:
        return ModelError(_refusal(status, data), code="invalid_prompt")
    return ModelError(
        {
            401: f"The model's endpoint refused the key (401); check {names.key}.",
            403: f"The model's endpoint refused the key (403); check {names.key}.",
            404: f"The model's endpoint has no such address or model (404); check {names.url} and MODEL.",
        }.get(status, f"The model's endpoint gave an unexpected answer ({status}); check {names.url}.")
    )


def unreachable(names: SettingNames) -> ModelError:
    """The error for an endpoint that nobody answers at."""
    return PassingError(f"The model's endpoint cannot be reached; check that it is running, and {names.url}.")


def _refusal(status: int, data: bytes) -> str:
    if b"context_length" in data or b"context length" in data:
        return "This conversation is too long for the model; start a new one."
    return f"The model's endpoint refused the request ({status}); check that MODEL can call tools."
