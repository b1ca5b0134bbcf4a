"""Trouble with the service as the application's errors."""

from __future__ import annotations

import datetime
import email.utils
import json
import traceback

import aiohttp
import pytest

from adapters.openai.service_errors import (
    BadRequestError,
    FileGoneError,
    NotDoneError,
    StatusError,
    ToolOutputMissingError,
    assistant_error,
    translated,
)
from bot.errors import (
    AssistantError,
    AssistantRefusedError,
    AssistantUnavailableError,
    Refusal,
    ThreadBusyError,
    ThreadGoneError,
    ThreadTooLongError,
)
from httpkit.http_headers import retry_after_s

THREAD = "/v1/threads/thread_1/runs"
SECRET = "sk-secret-of-the-user"


def status_error(
    status: int,
    message: str = SECRET,
    *,
    code: object = None,
    param: str | None = None,
    path: str = THREAD,
    headers: dict[str, str] | None = None,
) -> StatusError:
    body = {"message": message, "code": code, "type": "invalid_request_error", "param": param}
    return StatusError(status, json.dumps({"error": body}).encode(), path=path, headers=headers or {})


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, BadRequestError),
        (401, AssistantRefusedError),
        (403, AssistantRefusedError),
        (404, ThreadGoneError),
        (409, AssistantUnavailableError),
        (418, AssistantRefusedError),
        (421, NotDoneError),
        (422, BadRequestError),
        (429, NotDoneError),
        (500, AssistantUnavailableError),
    ],
)
def test_each_status_becomes_an_error_of_ours_that_says_nothing_secret(
    status: int, expected: type[AssistantError]
) -> None:
    with pytest.raises(AssistantError) as caught, translated():
        raise status_error(status)
    assert type(caught.value) is expected
    assert SECRET not in str(caught.value)
    assert SECRET not in "".join(traceback.format_exception(caught.value)), "a log prints causes"


@pytest.mark.parametrize(
    "data",
    [
        SECRET.encode(),
        b"",
        b"\xff",
        b"[]",
        b"null",
        b'"gone"',
        b'{"error": null}',
        b'{"error": "sk-secret-of-the-user"}',
        b'{"error": ["sk-secret-of-the-user"]}',
        b'{"error": {"code": ["x"], "type": {"y": 1}, "param": 7, "message": {"z": "sk-secret-of-the-user"}}}',
        b"[" * 100_000,
    ],
)
@pytest.mark.parametrize("status", [302, 400, 401, 404, 429, 500])
def test_a_body_of_any_shape_is_understood_by_its_status(data: bytes, status: int) -> None:
    with pytest.raises(AssistantError) as caught, translated():
        raise StatusError(status, data, path="/v1/files", headers={})
    assert str(caught.value).startswith(f"the assistant's service answered {status}")
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "error",
    [
        aiohttp.ClientPayloadError("cut, or no gzip"),
        aiohttp.ServerDisconnectedError(),
        aiohttp.ClientOSError("reset"),
        aiohttp.SocketTimeoutError("slow"),
        aiohttp.InvalidURL("bad"),
        TimeoutError(),
        ConnectionResetError(),
    ],
)
def test_trouble_while_an_answer_is_read_may_pass(error: Exception) -> None:
    with pytest.raises(AssistantUnavailableError) as caught, translated():
        raise error
    assert type(caught.value) is AssistantUnavailableError


def test_an_error_of_our_own_stays_as_it_is() -> None:
    with pytest.raises(ThreadBusyError), translated():
        raise ThreadBusyError("ours")


@pytest.mark.parametrize(
    ("cause", "expected"),
    [
        (aiohttp.ClientConnectorError(None, OSError("refused")), NotDoneError),  # type: ignore[arg-type]  # key unused
        (aiohttp.ConnectionTimeoutError(), NotDoneError),
        (aiohttp.ServerDisconnectedError(), AssistantUnavailableError),
        (aiohttp.ClientOSError("reset"), AssistantUnavailableError),
    ],
)
def test_only_a_service_never_reached_surely_did_nothing(cause: Exception, expected: type[Exception]) -> None:
    with pytest.raises(AssistantError) as caught, translated():
        raise cause
    assert type(caught.value) is expected


@pytest.mark.parametrize(
    ("status", "message", "code", "expected"),
    [
        (400, "Thread thread_1 already has an active run run_2.", None, ThreadBusyError),
        (400, "Can't add messages to thread_1 while a run run_2 is active.", None, ThreadBusyError),
        (400, "Another process is operating on this conversation.", "conversation_locked", ThreadBusyError),
        (400, "Invalid 'metadata'", None, BadRequestError),
        (404, "No thread found with id 'thread_1'.", None, ThreadGoneError),
        (404, "Resource not found", "404", ThreadGoneError),
        (404, "No assistant found with id 'asst_1'.", None, AssistantRefusedError),
        (408, "", None, AssistantUnavailableError),
        (429, "You exceeded your current quota", "insufficient_quota", AssistantRefusedError),
        (429, "Rate limit reached", "rate_limit_exceeded", NotDoneError),
        (503, "", None, AssistantUnavailableError),
        (499, "Client closed request", None, AssistantUnavailableError),
        (424, "Failed dependency", None, AssistantUnavailableError),
        (529, "Overloaded", None, AssistantUnavailableError),
        (429, "You exceeded your current quota, limit: 10\nPlease retry in 16.6s.", None, NotDoneError),  # Gemini
        (429, "You exceeded your current quota, please check your plan.", None, AssistantRefusedError),
        (429, "Request too large for gpt on tokens per min: Limit 10, Requested 12.", "tokens", ThreadTooLongError),
        (429, "Too many tokens, please wait before trying again.", None, NotDoneError),
        (429, "Number of concurrent requests exceeds the maximum", "rate_limit_exceeded", NotDoneError),
        (400, "Invalid file: billing_2024.csv cannot be read.", None, BadRequestError),
        (400, "No tool output found for function call call_1 of 'more credits'.", None, ToolOutputMissingError),
        (400, "The input image is too large", None, BadRequestError),
        (400, "Your input exceeds the context window of this model.", "context_length_exceeded", ThreadTooLongError),
        (400, "This model's maximum prompt length is 9 but the request contains 10 tokens.", None, ThreadTooLongError),
        (400, "No tool output found for function call call_1.", None, ToolOutputMissingError),
        (404, "The model `gpt-9` does not exist or you do not have access to it.", None, AssistantRefusedError),
        (404, "gone", "DeploymentNotFound", AssistantRefusedError),
        (307, "", None, AssistantRefusedError),
    ],
)
def test_an_answer_of_the_service_becomes(
    status: int,
    message: str,
    code: str | None,
    expected: type[AssistantError],
) -> None:
    assert type(assistant_error(status_error(status, message, code=code))) is expected


@pytest.mark.parametrize(
    ("status", "message", "code", "refusal"),
    [
        (401, "Incorrect API key provided", "invalid_api_key", Refusal.KEY),
        (401, "Unauthorized", None, Refusal.KEY),
        (403, "Principal does not have access", "PermissionDenied", Refusal.KEY),
        (404, "The model 'x' does not exist", "model_not_found", Refusal.MODEL),
        (404, "The API deployment for this resource does not exist.", "DeploymentNotFound", Refusal.MODEL),
        (400, "The requested model 'x' does not exist.", "model_not_found", Refusal.MODEL),
        (404, "Agent tutor not found", None, Refusal.MODEL),
        (404, "Resource not found", "404", Refusal.ADDRESS),
        (302, "", None, Refusal.ADDRESS),
        (402, "", None, Refusal.QUOTA),
        (403, "You have no credits left: insufficient credits.", None, Refusal.QUOTA),
        (400, "Your credit balance is too low to access the API.", None, Refusal.QUOTA),
        (400, "The model `mixtral` has been decommissioned.", "model_decommissioned", Refusal.MODEL),
        (400, "Invalid model: mistral-old", None, Refusal.MODEL),
        (410, "The deployment was retired.", None, Refusal.MODEL),
        (429, "You exceeded your current quota", "insufficient_quota", Refusal.QUOTA),
        (418, "", None, None),
    ],
)
def test_a_refusal_names_what_the_operator_has_to_look_at(
    status: int, message: str, code: str | None, refusal: Refusal | None
) -> None:
    error = assistant_error(status_error(status, message, code=code, path="/v1/responses"))
    assert isinstance(error, AssistantRefusedError)
    assert error.code == "assistant_refused" + (f"_{refusal}" if refusal else "")
    assert error.fix


def test_what_a_404_misses_is_told_by_its_address() -> None:
    def missing(path: str) -> type[AssistantError]:
        return type(assistant_error(status_error(404, "Resource not found", path=f"/openai{path}")))

    assert missing("/threads/thread_1/messages") is ThreadGoneError
    assert missing("/files/file-1/content") is FileGoneError
    assert missing("/threads") is AssistantRefusedError, "the whole service is not there: nothing is gone"


def test_the_log_is_told_what_helps_a_support_request() -> None:
    error = status_error(500, code="server_error", headers={"x-request-id": "req_123"})
    assert str(assistant_error(error)) == (
        "the assistant's service answered 500 (server_error, invalid_request_error, req_123)"
    )


def test_the_log_is_told_which_parameter_is_refused() -> None:
    said = "Background mode is not supported with this model."
    error = status_error(400, said, code="unsupported_parameter", param="background")
    assert "(unsupported_parameter, invalid_request_error, background)" in str(assistant_error(error))


def test_a_page_of_a_proxy_is_not_taken_for_a_refused_key() -> None:
    page = status_error(403, "<html>Blocked</html>", headers={"content-type": "text/html; charset=utf-8"})
    error = assistant_error(page)
    assert error.code == "assistant_refused_address"
    assert "with a web page, as a proxy sends it" in str(error)


def test_a_pause_that_is_named_in_words_alone_is_kept() -> None:
    error = assistant_error(status_error(429, "Rate limit is exceeded. Try again in 8 seconds."))
    assert isinstance(error, NotDoneError)
    assert error.retry_after_s == 8


def test_a_sentence_in_place_of_a_code_is_left_out() -> None:
    assert str(assistant_error(status_error(500, code=f"user said {SECRET}"))).endswith("(invalid_request_error)")


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
        ({}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "9" * 30}, None),
        ({"retry-after": "Fri, 01 Jan 2021 00:00:00 GMT"}, 0.0),
        ({"retry-after": "Fri, 01 Jan 2021 00:00:00 -0000"}, 0.0),
    ],
)
def test_the_service_says_when_to_come_again(headers: dict[str, str], expected: float | None) -> None:
    assert retry_after_s(headers) == expected


def test_the_service_may_name_a_time_of_day() -> None:
    moment = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=30)
    named_pause_s = retry_after_s({"retry-after": email.utils.format_datetime(moment, usegmt=True)})
    assert named_pause_s is not None
    assert 28 < named_pause_s <= 30
