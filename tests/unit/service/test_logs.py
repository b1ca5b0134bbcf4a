from __future__ import annotations

import asyncio
import io
import json
import logging
from collections.abc import Callable, Iterator
from enum import Enum
from typing import Any

import pytest
from aiohttp.http_exceptions import BadStatusLine

from bot.log_ids import logging_for
from service.logs import set_up_logs
from service.settings.parsers import LogFormat, LogLevel

KEY = "canary7f3kcanary7f3k"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def log() -> logging.Logger:
    return logging.getLogger("bot.somewhere")


def json_lines(level: LogLevel = LogLevel.INFO) -> io.StringIO:
    out = io.StringIO()
    set_up_logs(level=level, form=LogFormat.JSON, no_color=False, stream=out)
    return out


def text_lines(*, no_color: bool = True) -> io.StringIO:
    out = Terminal()
    set_up_logs(level=LogLevel.INFO, form=LogFormat.AUTO, no_color=no_color, stream=out)
    return out


BOTH_FORMS: tuple[Callable[[], io.StringIO], ...] = (text_lines, json_lines)


def fail_with(error: Exception, words: str = "") -> None:
    _local = words
    raise error


def only_line(out: io.StringIO) -> dict[str, Any]:
    [line] = out.getvalue().splitlines()
    parsed = json.loads(line)
    assert isinstance(parsed, dict)
    return parsed


def test_a_line_is_one_json_object_with_its_data(log: logging.Logger) -> None:
    out = json_lines()
    log.info("run finished", extra={"run": "run_1", "took_s": 1.2, "parts": ["a", 2]})
    line = only_line(out)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "run finished",
        "run": "run_1",
        "took_s": 1.2,
        "parts": ["a", 2],
        "level": "info",
        "logger": "bot.somewhere",
    }


def test_less_important_lines_are_left_out(log: logging.Logger) -> None:
    out = json_lines(LogLevel.WARNING)
    log.info("chatter")
    assert out.getvalue() == ""


def test_without_a_level_a_terminal_shows_warnings_and_a_file_what_the_service_does(log: logging.Logger) -> None:
    # ux 3.25
    for out, shown in ((Terminal(), False), (io.StringIO(), True)):
        set_up_logs(level=None, form=LogFormat.AUTO, no_color=True, stream=out)
        log.info("ready")
        log.warning("careful")
        assert "careful" in out.getvalue()
        assert ("ready" in out.getvalue()) is shown


def test_a_lack_of_descriptors_is_logged_once_a_minute_and_without_a_traceback() -> None:
    """S6."""
    out = io.StringIO()
    set_up_logs(level=LogLevel.INFO, form=LogFormat.JSON, no_color=True, stream=out)
    for _ in range(100):
        lack = OSError(24, "Too many open files")
        logging.getLogger("asyncio").error("socket.accept() out of system resource\nsocket: <s>", exc_info=lack)
    assert "ulimit" in only_line(out)["event"]
    assert "exception" not in only_line(out)


def test_malformed_requests_are_logged_once_a_minute_with_their_number() -> None:
    """S6: anybody who can connect can send as many as they like."""
    out = io.StringIO()
    set_up_logs(level=LogLevel.INFO, form=LogFormat.JSON, no_color=True, stream=out)
    server = logging.getLogger("httpkit.http_server")
    for second in range(100):
        record = server.makeRecord(server.name, logging.INFO, "", 0, "malformed request refused", (), None)
        record.created = 1_000.0 + second
        server.handle(record)
    first, second_line = map(json.loads, out.getvalue().splitlines())
    assert "more" not in first
    assert second_line["more"] == 59


def test_auto_is_text_on_a_terminal_and_json_elsewhere(log: logging.Logger) -> None:
    out = text_lines()
    log.info("run finished", extra={"run": "run_1"})
    assert "run finished" in out.getvalue()
    assert "run=run_1" in out.getvalue()
    elsewhere = io.StringIO()
    set_up_logs(level=LogLevel.INFO, form=LogFormat.AUTO, no_color=True, stream=elsewhere)
    log.info("run finished")
    assert only_line(elsewhere)["event"] == "run finished"


def test_colours_are_for_terminals_that_want_them(log: logging.Logger) -> None:
    coloured = text_lines(no_color=False)
    log.info("hello")
    assert "\x1b[" in coloured.getvalue()
    plain = text_lines(no_color=True)
    log.info("hello")
    assert "\x1b[" not in plain.getvalue()


async def test_the_ids_of_a_turn_are_on_every_line_below_it(log: logging.Logger) -> None:
    out = json_lines()

    async def converse(turn: str) -> None:
        with logging_for(turn=turn, conversation="a:1-person-id"):
            await asyncio.sleep(0)
            await asyncio.create_task(deep_below())

    async def deep_below() -> None:
        log.info("asking again")

    await asyncio.gather(converse("1-a"), converse("2-b"))
    log.info("outside")
    first, second, deps = (json.loads(line) for line in out.getvalue().splitlines())
    assert {first["turn"], second["turn"]} == {"1-a", "2-b"}
    assert first["conversation"] == second["conversation"]
    assert len(first["conversation"]) == 12
    assert "turn" not in deps
    assert "person" not in out.getvalue()


@pytest.mark.parametrize(
    "name",
    ["token", "authorization", "Authorization", "key", "api_key", "apiKey", "X-Api-Key", "password", "client_secret",
     "set-cookie", "sig", "text", "content", "payload"],
)  # fmt: skip
@pytest.mark.parametrize("make", BOTH_FORMS)
def test_fields_with_the_name_of_a_secret_or_of_words_are_hidden(log: logging.Logger, name: str, make: Any) -> None:
    out = make()
    log.info("told too much", extra={name: KEY, "inside": {name: [KEY]}})
    assert KEY not in out.getvalue()
    assert "(hidden)" in out.getvalue()


def test_counting_tokens_is_no_secret(log: logging.Logger) -> None:
    out = json_lines()
    log.info("model answered", extra={"prompt_tokens": 12, "token_count": 3})
    assert (only_line(out)["prompt_tokens"], only_line(out)["token_count"]) == (12, 3)


@pytest.mark.parametrize(
    "text",
    [
        f"Authorization: Bearer {KEY}",
        f"header 'authorization': 'bearer {KEY}'",
        f"https://blob.example/plot.png?sv=2024&sig={KEY}&se=1",
        f"AccountName=a;AccountKey={KEY}==;EndpointSuffix=core.windows.net",
        f"SharedAccessSignature={KEY}",
        f"api-key: {KEY}",
        f'{{"api_key": "{KEY}"}}',
        f"client_secret={KEY}",
        f"sk-{KEY}",
        f"eyJ{KEY}.eyJ{KEY}.{KEY}",
        f"postgresql://bot:{KEY}@host/db",
        f"http://127.0.0.1:3978/files/{KEY[:16]}{KEY[:16]}/{KEY}.png",
    ],
)
def test_what_looks_like_a_key_or_a_link_is_hidden_wherever_it_stands(log: logging.Logger, text: str) -> None:
    for make in BOTH_FORMS:
        out = make()
        log.warning("%s", text)
        log.warning("in a field", extra={"why": text, "all": [text], "error": ValueError(text)})
        try:
            fail_with(ValueError(text))
        except ValueError:
            log.exception("in a traceback")
        assert KEY not in out.getvalue()


def test_a_traceback_shows_no_values_of_variables(log: logging.Logger) -> None:
    for make in BOTH_FORMS:
        out = make()
        words = "".join(["keep this ", "to yourself"])  # the words must not stand in this line of the source
        try:
            fail_with(ValueError("broken"), words)
        except ValueError:
            log.exception("turn failed")
        assert "ValueError: broken" in out.getvalue()
        assert "keep this to yourself" not in out.getvalue()


def test_one_event_cannot_pass_for_two_lines_or_move_the_cursor(log: logging.Logger) -> None:
    for make in BOTH_FORMS:
        out = make()
        log.info("name\nforged", extra={"name_of_file": "a\nforged line\x1b[2J\u2028x\u202ey", "lone": "\ud800"})
        assert len(out.getvalue().splitlines()) == 1
        assert "\x1b" not in out.getvalue()
        assert "\u202e" not in out.getvalue()


def test_objects_are_named_and_not_spelled_out(log: logging.Logger) -> None:
    class Message:
        def __repr__(self) -> str:
            return KEY

    class Colour(Enum):
        RED = "red"

    out = json_lines()
    log.info("odd values", extra={"object": Message(), "colour": Colour.RED, "long": "x" * 5000, "deep": [[[[[1]]]]]})
    line = only_line(out)
    assert line["object"] == "<Message>"
    assert line["colour"] == "red"
    assert len(line["long"]) < 1100
    assert line["deep"] == [[[["<list>"]]]]


def test_the_bytes_of_a_malformed_request_stay_out_of_the_log() -> None:
    out = json_lines()
    try:
        fail_with(BadStatusLine(f"GET /?q={KEY}\x01"))
    except BadStatusLine:
        logging.getLogger("aiohttp.server").exception("Error handling request from %s", "127.0.0.1")
    assert KEY not in out.getvalue()
    line = only_line(out)
    assert (line["event"], line["error"], line["level"]) == ("malformed request refused", "BadStatusLine", "info")


def test_libraries_do_not_tell_every_request_and_every_piece_of_a_text() -> None:  # S20
    out = json_lines(LogLevel.DEBUG)
    for name in ("aiohttp.access", "asyncio", "azure.core.pipeline", "botbuilder", "markdown_it"):
        logging.getLogger(name).info("GET %s", "https://somewhere")
    assert out.getvalue() == ""
