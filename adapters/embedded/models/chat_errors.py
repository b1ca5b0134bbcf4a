"""What is said when a Chat Completions endpoint cannot be used: one sentence that names the settings to look at.

What the endpoint itself says in words is looked at and dropped, since it may quote the user or the key.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from adapters.embedded.models.port import ModelError
from httpkit.refusal_words import (
    PASSING_STATUSES,
    never_fits_a_minute,
    says_filtered,
    says_model_missing,
    says_out_of_money,
    says_too_long,
    try_again_in_s,
)

MAX_WORDS_CHARS = 300
MAX_WORDS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingNames:
    """The names of the settings behind an endpoint, for the sentences that tell an operator what to check."""

    url: str
    key: str
    model: str


class TransientError(ModelError):
    """A failure that a retry may overcome."""


class RefusedError(ModelError):
    """The endpoint does not take the request as it is. `words`, in small letters, are never passed on."""

    def __init__(self, message: str, *, words: str, code: str = "server_error") -> None:
        super().__init__(message, code=code)
        self.words = words

    @property
    def too_long(self) -> bool:
        """Whether a shorter conversation would be taken."""
        return says_too_long(self.words)


def status_error(  # noqa: C901, PLR0911 - one for each kind of trouble
    status: int, data: bytes, retry_after_s: float | None, names: SettingNames
) -> ModelError:
    """The error for an HTTP status other than 200."""
    words, whole = words_of(data), data[:_MAX_READ_BYTES].decode("utf-8", "replace").lower()
    # A 400 may quote the conversation, whatever that speaks of; what is told here in full speaks of the account.
    has_no_quota = status in {403, 429} and says_out_of_money(whole, may_quote=status == 403)
    if status == 402 or has_no_quota or (status == 400 and says_out_of_money(words, may_quote=True)):
        said = f"The account behind the model's endpoint has no quota left ({status}); its billing needs a look."
        return ModelError(said, code="rate_limit_exceeded", refusal="quota")
    if status == 429 and not never_fits_a_minute(whole):
        return _over_limit(retry_after_s or try_again_in_s(whole))
    if (
        status in {400, 413, 422, 429}
        or (status in {404, 415, 500, 501} and (_NAMES_A_PART.search(words) or says_too_long(words)))
        or (status == 403 and says_filtered(words))
    ):
        return _refusal(status, words, names)
    if status == 503 and "loading" in words:  # llama.cpp, Hugging Face
        said = "The model is still being loaded (503); ask again in a minute."
        return TransientError(said, retry_after_s=retry_after_s or _LOADING_S)
    if status >= 500 or status in PASSING_STATUSES:
        return TransientError(f"The model's endpoint failed ({status}).", retry_after_s=retry_after_s)
    if status in {401, 403, 407} and data.lstrip()[:1] == b"<":
        said = f"A web page came in place of an answer ({status}), as proxies send it; check {names.url}."
        return ModelError(said, refusal="address")
    match status:
        case 403 if says_model_missing(words):
            return _no_model(status, names)
        case 401 | 403:
            return ModelError(f"The model's endpoint refused the key ({status}); check {names.key}.", refusal="key")
        case 404 | 410:
            said = f"The model's endpoint has no such address or model ({status}); check {names.url} and {names.model}."
            return ModelError(said, refusal="model")
        case _:
            said = f"The model's endpoint gave an unexpected answer ({status}); check {names.url}."
            return ModelError(said, refusal="address")


def unreachable(names: SettingNames) -> ModelError:
    """The error for an endpoint that does not accept connections."""
    return TransientError(f"The model's endpoint cannot be reached; check that it is running, and {names.url}.")


def no_tls(names: SettingNames) -> ModelError:
    """The error for an endpoint with which no TLS connection can be agreed on."""
    said = f"The model's endpoint does not speak TLS as https needs it; check whether {names.url} is http or https."
    return ModelError(said, refusal="address")


def broken_off() -> ModelError:
    """The error for a connection that ended in the middle of an answer."""
    return TransientError("The connection to the model's endpoint broke off.")


def unreadable(names: SettingNames) -> ModelError:
    """The error for something else that answers where a model should."""
    return ModelError(f"The model's endpoint sent an answer that is no chat completion; check {names.url}.")


def untrusted(names: SettingNames) -> ModelError:
    """The error for an endpoint whose TLS certificate is not trusted."""
    said = f"The certificate of the model's endpoint is not trusted; check {names.url}."
    return ModelError(said, refusal="address")


def words_of(data: bytes) -> str:
    """What an endpoint says of an error, in small letters: from the fields that are meant for it, if it sent any."""
    try:
        return " ".join(islice(_told(json.loads(data)), MAX_WORDS)).lower()
    except (ValueError, RecursionError):
        return data[:MAX_WORDS_CHARS].decode("utf-8", "replace").lower()


def _told(value: Any, name: str = "message") -> Iterator[str]:
    """OpenAI and most: error.message; old vLLM: message; Ollama's own: error; FastAPI: detail with loc and msg."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _told(inner, key) if key in _TELLING else ()
    elif isinstance(value, list):
        for inner in value:
            yield from _told(inner, name)
    elif isinstance(value, str | int):
        # What comes late in a long sentence is the conversation, quoted.
        yield f"{name} {value}" if name == "n_ctx" else str(value)[:MAX_WORDS_CHARS]


_TELLING = frozenset(
    {"error", "errors", "innererror", "detail", "loc", "message", "msg", "type", "code", "param", "n_ctx"}
)
_MAX_READ_BYTES = 8_000  # Gemini names the pause behind all that was exceeded
_LOADING_S = 5.0
# Statuses that mostly mean something else are a refusal only in such words.
_NAMES_A_PART = re.compile(
    r"support.{0,40}(?:image|tool|function|vision)|(?:image|tool|multi-?modal).{0,60}(?:support|requires|missing)|"
    r"missing data required|mmproj|--jinja|context size|roles must alternate|system role|"
    r"call[ _]?ids?\b|alphanumeric|length of 9|content.{0,40}(?:string|null|none|nil)|<nil>|none_?type|"
    r"reasoning_content|thought_signature|enable_thinking|template|"
    r"stream_options|\bstream(?:ing)?\b.{0,40}(?:support|implement|allow)|support.{0,40}\bstream(?:ing)?\b"
)


def _over_limit(retry_after_s: float | None) -> ModelError:
    later = f"try again in {retry_after_s:g}s" if retry_after_s else "try again later"
    said = f"The model's endpoint is over its rate limit or its quota (429); {later}."
    return TransientError(said, code="rate_limit_exceeded", retry_after_s=retry_after_s)


def _refusal(status: int, words: str, names: SettingNames) -> ModelError:
    if says_filtered(words):
        said = "The content filter of the model's endpoint stopped this question."
        return ModelError(said, code="invalid_prompt", is_filtered=True)
    if status in {413, 429} or says_too_long(words):
        said = "This conversation is too long for the model; start a new one."
        return RefusedError(said, words=words or "context length", code="invalid_prompt")
    if says_model_missing(words):
        return _no_model(status, names)
    if "tool" in words:
        said = f"The model's endpoint refused the request ({status}); check that {names.model} can call tools."
        return RefusedError(said, words=words)
    said = f"The model's endpoint refused the request ({status}); check {names.model}, and what its server's log says."
    return RefusedError(said, words=words)


def _no_model(status: int, names: SettingNames) -> ModelError:
    return ModelError(f"The model's endpoint has no such model ({status}); check {names.model}.", refusal="model")
