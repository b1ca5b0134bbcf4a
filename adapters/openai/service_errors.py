"""The one place where trouble with the service becomes the application's own errors.

What the service says in words is looked at and dropped, never passed on: it may quote the user, or the key.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import aiohttp

from bot.errors import (
    AssistantError,
    AssistantRefusedError,
    AssistantUnavailableError,
    Refusal,
    RunEndedBadlyError,
    ThreadBusyError,
    ThreadGoneError,
    ThreadTooLongError,
)
from httpkit.http_headers import retry_after_s
from httpkit.refusal_words import (
    PASSING_STATUSES,
    never_fits_a_minute,
    says_model_missing,
    says_out_of_money,
    says_too_long,
    try_again_in_s,
)

# "Thread thread_X already has an active run run_Y." and "Can't add messages to thread_X while a run run_Y is active."
_ACTIVE_RUN = re.compile(
    r"already has an active run|while a run .{0,200}is active|another (response|process) is (already|currently)",
    re.IGNORECASE,
)
# Responses: https://developers.openai.com/api/docs/guides/conversation-state and reports of users.
_NO_TOOL_OUTPUT = re.compile(r"no tool output found", re.IGNORECASE)
_CONTAINER_GONE = re.compile(r"container is expired|container .{0,200}(expired|not found)", re.IGNORECASE)
_HISTORY_BROKEN = re.compile(r"expected container_id", re.IGNORECASE)
_THREAD_MISSING = re.compile(r"(conversation|previous response)\b.{0,200}\bnot found", re.IGNORECASE)
_THREAD_MISSING_CODES = frozenset({"previous_response_not_found", "conversation_not_found"})
_ASSISTANT_MISSING = re.compile(r"no assistant found", re.IGNORECASE)
_FILE_MISSING = re.compile(
    r"no such file|"
    r"\bfiles?\b.{0,100}\b(?:not found|(?:does not|doesn't|no longer) exist|(?:has|have) (?:expired|been deleted))",
    re.IGNORECASE,
)
_FILE_ID = re.compile(r"\b(?:file|assistant)[-_]\w{1,64}")
_FILE_PATH = re.compile(r"/files/[^/]+(/content)?$")
_OUT_OF_MONEY = frozenset({"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"})

_THROTTLES = frozenset({"rate_limit_exceeded", "rate_limit_error", "tokens", "requests"})
_MAX_READ_CHARS: Final = 8_000

# What services call it when they refuse: codes of OpenAI and of Azure, in small letters.
_REFUSAL_CODES: Final[Mapping[str, Refusal]] = {
    **dict.fromkeys(("invalid_api_key", "unauthorized", "permissiondenied", "accessdenied"), Refusal.KEY),
    **dict.fromkeys(
        ("model_not_found", "deploymentnotfound", "unknown_model", "model_decommissioned", "modeldeprecated"),
        Refusal.MODEL,
    ),
    **dict.fromkeys(sorted(_OUT_OF_MONEY), Refusal.QUOTA),
}
_REFUSAL_STATUSES: Final[Mapping[int, Refusal]] = {
    **dict.fromkeys((301, 302, 303, 307, 308), Refusal.ADDRESS),  # not followed: the key would go along
    **dict.fromkeys((401, 403), Refusal.KEY),
    **dict.fromkeys((402, 429), Refusal.QUOTA),
}
FIXES: Final[Mapping[Refusal, str]] = {
    Refusal.KEY: "Check the key (OPENAI_API_KEY, AZURE_OPENAI_API_KEY), or the role of the identity that asks.",
    Refusal.MODEL: "Check MODEL (at Azure the name of a deployment), ASSISTANT_ID or AZURE_AI_AGENT_NAME.",
    Refusal.QUOTA: "Raise the quota at the service, or pay its bill.",
    Refusal.ADDRESS: "Check OPENAI_BASE_URL, AZURE_OPENAI_ENDPOINT or AZURE_AI_PROJECT_ENDPOINT.",
    Refusal.OTHER: "`teamsbot doctor` asks the service, and says what to do.",
}
"""What an operator can do about a refusal."""

_PLAIN_WORD = re.compile(r"[\w.:\[\]-]{1,64}")  # what an error code or request id looks like; a sentence it is not


class NotDoneError(AssistantUnavailableError):
    """The service certainly did nothing: it was never reached, or turned us away for its rate limit."""


class InDoubtError(AssistantUnavailableError):
    """The service may have done it and not said so; it was looked for, and is not there (yet)."""


class FileGoneError(AssistantError):
    """There is no such file at the service."""


def refused(message: str, refusal: Refusal = Refusal.OTHER) -> AssistantRefusedError:
    """The error for a service that refuses this bot, with what its operator can do."""
    return AssistantRefusedError(message, refusal=refusal, fix=FIXES[refusal])


def refusal_of(code: object) -> Refusal | None:
    """What an error code says an operator has to look at; None where it says nothing of the kind."""
    return _REFUSAL_CODES.get(code.lower()) if isinstance(code, str) else None


def _untrusted() -> AssistantRefusedError:
    fix = "Renew the service's certificate, or name the file of the certificates to trust in SSL_CERT_FILE."
    said = "the certificate of the assistant's service is not trusted"
    return AssistantRefusedError(said, refusal=Refusal.ADDRESS, fix=fix)


class BadRequestError(AssistantRefusedError):
    """The service does not accept what the request says (400, 422); without the part that it refuses, it may."""


class FileMissingError(BadRequestError):
    """The request names a file that the service does not have any more; `named` has the ids that the refusal tells."""

    named: frozenset[str] = frozenset()


class NoConversationsError(AssistantRefusedError):
    """The service has no conversations (404, 405 where one would be created)."""


class ResponseGoneError(AssistantError):
    """The response is not there any more, or never was."""


class ToolOutputMissingError(AssistantError):
    """The conversation holds a function call without an output, and takes nothing before it has one."""


class ContainerGoneError(AssistantError):
    """The conversation refers to a container of Code Interpreter that is gone."""


class HistoryBrokenError(ContainerGoneError):
    """The conversation refers to it in a way that no new container mends."""


def context_error(message: str, code: str = "") -> AssistantError | None:
    """The error for a sentence that says what is wrong with the conversation itself; None if it says nothing of it."""
    is_throttled = code in _THROTTLES  # "too many tokens" is said by a rate limit, too
    if code == "context_length_exceeded" or (never_fits_a_minute if is_throttled else says_too_long)(message):
        return ThreadTooLongError("the conversation is too long for the model")
    if _NO_TOOL_OUTPUT.search(message):
        return ToolOutputMissingError("a function call has no output")
    if _HISTORY_BROKEN.search(message):
        return HistoryBrokenError("the history needs a container that is gone")
    if _CONTAINER_GONE.search(message):
        return ContainerGoneError("a container is gone")
    return None


class StatusError(Exception):
    """An answer of the service that is no success. `translated` makes an AssistantError of it; nothing else sees it."""

    def __init__(self, status: int, data: bytes, *, path: str, headers: Mapping[str, str]) -> None:
        """`status` is the true one, where an error came with 200. `path` is that of the request."""
        super().__init__(f"status {status}")  # and none of the service's words
        self.status = status
        self.data = data
        self.path = path
        self.headers = headers
        try:
            body: object = json.loads(data)
        except (ValueError, RecursionError):
            body = None
        said = body.get("error", body) if isinstance(body, dict) else None
        fields: dict[str, object] = said if isinstance(said, dict) else {}
        self.code, self.type, self.param = (_text(fields.get(name)) for name in ("code", "type", "param"))
        self.text = data.decode("utf-8", "replace")
        # Without the rest of the body, which may repeat the request.
        self.words = (_text(fields.get("message")) or self.text)[:_MAX_READ_CHARS]

    @property
    def request_id(self) -> str:
        """By which the service knows the request; empty if it says none."""
        return self.headers.get("x-request-id", "")


@contextmanager
def translated() -> Iterator[None]:
    """Raise AssistantError for whatever a call, its transport or a deadline raises inside.

    The cause is cut off on purpose: its text holds the service's words, and a log prints causes.
    """
    try:
        yield
    except StatusError as error:
        raise assistant_error(error) from None
    except aiohttp.ClientConnectorCertificateError:
        raise _untrusted() from None
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
        raise NotDoneError("the assistant's service cannot be reached") from None
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        kind = type(error).__name__
        raise AssistantUnavailableError(f"the connection to the assistant's service broke: {kind}") from None


def assistant_error(error: StatusError) -> AssistantError:
    """The application's error for an answer that is no success."""
    ours = _by_status(error)
    if _PLAIN_WORD.fullmatch(error.request_id):
        ours.request_id = error.request_id
    return ours


def _by_status(error: StatusError) -> AssistantError:  # noqa: C901, PLR0911 - one for each kind
    what, pause_s = _summary(error), retry_after_s(error.headers)
    match error.status:
        case 400 | 402 | 403 | 429 if not _OUT_OF_MONEY.isdisjoint((error.code, error.type)):
            return refused(what, Refusal.QUOTA)
        case 402 | 403 | 429 as status if says_out_of_money(error.words, may_quote=status == 403):
            return refused(what, Refusal.QUOTA)
        case 429 if error.code == "context_length_exceeded" or never_fits_a_minute(error.words):
            return ThreadTooLongError(what)
        case 421 | 429:  # 421: a connection that leads to another server
            return NotDoneError(what, retry_after_s=pause_s or try_again_in_s(error.text))
        case status if status >= 500 or status in PASSING_STATUSES:
            return AssistantUnavailableError(what, retry_after_s=pause_s)
        case 404 | 405 | 410:
            return _missing(error, what)
        case 400 | 413 | 422:
            return _bad_request(error, what)
        case 401 | 403 if "html" in error.headers.get("content-type", ""):
            return refused(f"{what}, with a web page, as a proxy sends it", Refusal.ADDRESS)
        case status:
            return refused(what, refusal_of(error.code) or _REFUSAL_STATUSES.get(status, Refusal.OTHER))


def _bad_request(error: StatusError, what: str) -> AssistantError:  # noqa: C901, PLR0911 - one for each kind
    words = error.words
    if error.code == "conversation_locked" or _ACTIVE_RUN.search(words):
        return ThreadBusyError(what)
    if error.code in _THREAD_MISSING_CODES or _THREAD_MISSING.search(words):
        return ThreadGoneError(what)
    if error.code in {"content_filter", "invalid_prompt"}:
        return RunEndedBadlyError(
            what,
            apology="The assistant's service does not accept this. Please put it in another way, or start afresh with "
            "/new.",
        )
    if (refusal := refusal_of(error.code)) is not None:
        return refused(what, refusal)
    if (of_context := context_error(words, error.code)) is not None:
        return of_context
    if _FILE_MISSING.search(words):
        return _file_missing(what, words)
    # The last to be asked: these words may repeat what a person wrote, or the name of a file.
    if says_out_of_money(words, may_quote=True):
        return refused(what, Refusal.QUOTA)
    if says_model_missing(words):
        return refused(what, Refusal.MODEL)
    return BadRequestError(what, fix=FIXES[Refusal.OTHER])


def _file_missing(what: str, words: str) -> FileMissingError:
    error = FileMissingError(what, fix=FIXES[Refusal.OTHER])
    error.named = frozenset(_FILE_ID.findall(words))
    return error


def _missing(error: StatusError, what: str) -> AssistantError:  # noqa: PLR0911 - one for each thing
    """Which thing a 404 misses is told by the address alone: Azure's text says no more than "Resource not found"."""
    path, words = error.path, error.words
    if _FILE_PATH.search(path):
        return FileGoneError(what)
    names_thing = _ASSISTANT_MISSING.search(words) or says_model_missing(words)
    if (refusal := refusal_of(error.code)) is not None:
        return refused(what, refusal)
    if "/threads/" in path and not names_thing:
        return ThreadGoneError(what)
    if "/conversations/" in path or error.code in _THREAD_MISSING_CODES or _THREAD_MISSING.search(words):
        return ThreadGoneError(what)
    if "/responses/" in path:
        return ResponseGoneError(what)
    if path.endswith("/responses") and _FILE_MISSING.search(words):
        return _file_missing(what, words)
    if path.endswith("/conversations"):
        return NoConversationsError(what, refusal=Refusal.ADDRESS, fix=FIXES[Refusal.ADDRESS])
    return refused(what, Refusal.MODEL if names_thing else Refusal.ADDRESS)


def _summary(error: StatusError) -> str:
    # The parameter that is refused tells an operator most.
    told = (error.code, error.type, error.param, error.request_id)
    words = [word for word in told if _PLAIN_WORD.fullmatch(word)]
    return f"the assistant's service answered {error.status}" + (f" ({', '.join(words)})" if words else "")


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
