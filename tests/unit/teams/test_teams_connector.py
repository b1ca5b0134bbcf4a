from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
import pytest_asyncio
from aiohttp import web
from aiohttp.test_utils import TestServer

from adapters.teams.connector import Connector, Place, connector_session
from adapters.teams.retries import RetryPolicy
from bot.errors import ConversationGoneError, DeliveryError, DeliveryUnknownError
from httpkit.http_headers import retry_after_s
from tests.support.connector_double import Fault, Posted, StandInConnector
from tests.support.waiting import settled

QUICK = RetryPolicy(attempts=4, first_pause_s=0.01, max_pause_s=1.0)
HELLO: dict[str, object] = {"type": "message", "text": "hello"}
TYPING: dict[str, object] = {"type": "typing"}
HTML = "<html><body><h1>Bad Gateway</h1></body></html>"


def at(service_url: str, conversation: str = "c") -> Place:
    return Place(service_url=service_url, conversation=conversation)


@pytest_asyncio.fixture
async def teams() -> AsyncIterator[StandInConnector]:
    async with StandInConnector() as teams:
        yield teams


@pytest_asyncio.fixture
async def connector() -> AsyncIterator[Connector]:
    async with connector_session(answer_s=0.5) as session:
        yield Connector(session=session, policy=QUICK)


async def test_a_new_activity_gets_an_id(teams: StandInConnector, connector: Connector) -> None:
    assert await connector.create(at(teams.service_url), HELLO) == "1"
    assert [posted.activity for posted in teams.posted] == [HELLO]


@pytest.mark.parametrize("conversation", ["19:a@thread.tacv2;messageid=17", "a/b", "../up", "a?b#c", "ä 1%2F", "a\\b"])
async def test_an_id_is_quoted_whatever_it_holds(
    teams: StandInConnector, connector: Connector, conversation: str
) -> None:
    await connector.create(at(teams.service_url, conversation), HELLO)
    await connector.update(at(teams.service_url, conversation), "x/../y", HELLO)

    assert [posted.conversation for posted in teams.requests] == [conversation] * 2
    assert teams.requests[1].activity_id == "x/../y"


async def test_a_trailing_slash_of_the_service_address_makes_no_difference(
    teams: StandInConnector, connector: Connector
) -> None:
    assert await connector.create(at(teams.service_url + "/"), HELLO) == "1"


async def test_typing_is_posted(teams: StandInConnector, connector: Connector) -> None:
    await connector.send_ephemeral(at(teams.service_url), TYPING)

    assert [posted.type for posted in teams.posted] == ["typing"]


@pytest.mark.parametrize("body", ["", "{}", '{"id": ""}', '{"id": null}', '{"id": 5}', "[]", HTML, "\ud7ff{"])
async def test_an_answer_without_an_id_is_an_activity_without_an_id(
    teams: StandInConnector, connector: Connector, body: str
) -> None:
    teams.faults.append(Fault(status=202, body=body))

    assert await connector.create(at(teams.service_url), HELLO) is None


async def test_updates_and_deletions_reach_their_activity(teams: StandInConnector, connector: Connector) -> None:
    await connector.update(at(teams.service_url), "7", HELLO)
    await connector.delete(at(teams.service_url), "7")

    assert [(posted.method, posted.activity_id) for posted in teams.requests] == [("PUT", "7"), ("DELETE", "7")]


async def test_an_activity_without_an_id_cannot_be_changed(teams: StandInConnector, connector: Connector) -> None:
    with pytest.raises(DeliveryError, match="no id"):
        await connector.update(at(teams.service_url), "", HELLO)
    assert teams.requests == []


@pytest.mark.parametrize("status", [429, 412])
async def test_what_was_refused_undone_is_asked_again(
    teams: StandInConnector, connector: Connector, status: int
) -> None:
    teams.faults.extend([Fault.named(status, "Throttled")] * 3)

    assert await connector.create(at(teams.service_url), HELLO) == "1"
    assert len(teams.requests) == 4


async def test_asking_again_ends(teams: StandInConnector, connector: Connector) -> None:
    teams.faults.extend([Fault.named(429, "Throttled")] * 9)

    with pytest.raises(DeliveryError, match="429 Throttled") as failed:
        await connector.create(at(teams.service_url), HELLO)
    assert failed.value.retryable
    assert len(teams.requests) == QUICK.attempts


@pytest.mark.parametrize(
    "headers", [{"Retry-After": "1"}, {"retry-after-ms": "400"}, {"x-ms-retry-after-ms": "400", "Retry-After": "9"}]
)
async def test_the_connectors_wish_to_wait_is_granted(
    teams: StandInConnector, connector: Connector, headers: dict[str, str]
) -> None:
    teams.faults.append(Fault(status=429, headers=headers))
    before = time.monotonic()

    await connector.create(at(teams.service_url), HELLO)

    assert 0.4 <= time.monotonic() - before < 8


async def test_a_wish_longer_than_our_patience_is_passed_on(teams: StandInConnector, connector: Connector) -> None:
    teams.faults.append(Fault.named(429, "Throttled", Retry_After="120"))

    with pytest.raises(DeliveryError) as failed:
        await connector.create(at(teams.service_url), HELLO)
    assert failed.value.retryable
    assert failed.value.retry_after_s == 120
    assert len(teams.requests) == 1


@pytest.mark.parametrize("status", [502, 503])
async def test_a_creation_is_repeated_while_a_gateway_has_no_service_behind_it(
    teams: StandInConnector, connector: Connector, status: int
) -> None:
    teams.faults.extend([Fault(status=status, body=HTML, content_type="text/html")] * 3)

    assert await connector.create(at(teams.service_url), HELLO) == "1"
    assert len(teams.requests) == 4


@pytest.mark.parametrize("status", [502, 503, 504])
async def test_a_creation_is_repeated_after_one_gateways_error(
    teams: StandInConnector, connector: Connector, status: int
) -> None:
    teams.faults.append(Fault(status=status, body=HTML, content_type="text/html"))

    assert await connector.create(at(teams.service_url), HELLO) == "1"
    assert len(teams.requests) == 2


@pytest.mark.parametrize("status", [502, 503])
async def test_a_gateway_that_stays_without_a_service_is_a_failure_that_may_pass(
    teams: StandInConnector, connector: Connector, status: int
) -> None:
    teams.faults.extend([Fault(status=status, body=HTML, content_type="text/html")] * 9)

    with pytest.raises(DeliveryError, match=str(status)) as failed:
        await connector.create(at(teams.service_url), HELLO)
    assert failed.value.retryable
    assert len(teams.requests) == QUICK.attempts


@pytest.mark.parametrize(
    "fault", [Fault(status=504), Fault(status=408), Fault(status=524), Fault(hang_up=True), Fault(after_s=2.0)]
)
async def test_a_second_unknown_outcome_of_a_creation_is_not_followed_by_a_third_attempt(
    teams: StandInConnector, connector: Connector, fault: Fault
) -> None:
    teams.faults.extend([fault] * 9)

    with pytest.raises(DeliveryUnknownError):
        await connector.create(at(teams.service_url), HELLO)
    assert len(teams.requests) == 2


async def test_after_an_unknown_outcome_refusals_that_posted_nothing_are_repeated_until_the_time_is_over(
    teams: StandInConnector,
) -> None:
    teams.faults.append(Fault(status=504))
    teams.faults.extend([Fault.named(429, "Throttled")] * 99)
    async with connector_session(answer_s=0.5) as session:
        connector = Connector(session=session, policy=replace(QUICK, max_unknown_s=0.5))
        with pytest.raises(DeliveryUnknownError):
            await connector.create(at(teams.service_url), HELLO)
    assert 3 <= len(teams.requests) < 9


async def test_an_answer_whose_rest_is_cut_off_is_no_unknown_outcome(
    teams: StandInConnector, connector: Connector
) -> None:
    teams.faults.append(Fault(status=201, done=True, cut_body=True))

    assert await connector.create(at(teams.service_url), HELLO) is None
    assert len(teams.messages) == 1


@pytest.mark.parametrize("done", [True, False])
@pytest.mark.parametrize(
    "fault", [Fault(status=504), Fault(hang_up=True), Fault(after_s=90.0)], ids=["answers 504", "cuts", "hangs"]
)
async def test_of_200_creations_with_an_unknown_outcome_none_is_lost_and_each_has_at_most_one_copy(
    teams: StandInConnector, fault: Fault, done: bool
) -> None:
    """The connector posts and says nothing (`done`), each time; or it does not post the first time."""
    met: set[str] = set()

    def weather(posted: Posted) -> Fault | None:
        first = posted.conversation not in met
        met.add(posted.conversation)
        return replace(fault, done=done) if first or done else None

    teams.weather_of = weather
    at_once = asyncio.Semaphore(200)
    async with connector_session(answer_s=12.0 if fault.after_s else 60.0) as session:
        connector = Connector(session=session, policy=QUICK)

        async def create(number: int) -> str:
            place = Place(service_url=teams.service_url, conversation=f"{number}", tenant=f"{number}")
            async with at_once:
                try:
                    await connector.create(place, HELLO)
                except DeliveryUnknownError:
                    return "unknown"
            return "posted"

        ends = await asyncio.gather(*(create(number) for number in range(200)))
    copies = Counter(posted.conversation for posted in teams.messages)
    assert len(copies) == 200
    assert max(copies.values()) == (2 if done else 1)
    assert set(ends) == ({"unknown"} if done else {"posted"})


async def test_a_wait_for_a_success_ends_with_any_success_of_the_same_connector(
    teams: StandInConnector, connector: Connector
) -> None:
    waiting = asyncio.create_task(connector.wait_for_success(teams.service_url))
    other = asyncio.create_task(connector.wait_for_success("http://127.0.0.1:1"))
    await settled()
    teams.typing_faults.append(Fault(status=503))
    with pytest.raises(DeliveryError):
        await connector.send_ephemeral(at(teams.service_url), TYPING)
    assert not waiting.done()

    await connector.send_ephemeral(at(teams.service_url, "another"), TYPING)

    await asyncio.wait_for(waiting, 30)
    assert not other.done()
    other.cancel()


async def test_an_update_may_be_repeated_until_it_works(teams: StandInConnector, connector: Connector) -> None:
    teams.faults.extend([Fault(status=502), Fault(status=504), Fault(hang_up=True)])

    await connector.update(at(teams.service_url), "7", HELLO)

    assert len(teams.requests) == 4


async def test_a_connection_that_breaks_is_tried_once_more(teams: StandInConnector, connector: Connector) -> None:
    teams.faults.append(Fault(hang_up=True))

    assert await connector.create(at(teams.service_url), HELLO) == "1"
    assert len(teams.requests) == 2


async def test_an_answer_that_never_comes_is_not_waited_for(teams: StandInConnector, connector: Connector) -> None:
    teams.faults.extend([Fault(after_s=60.0)] * 2)

    async with asyncio.timeout(30):
        with pytest.raises(DeliveryUnknownError):
            await connector.create(at(teams.service_url), HELLO)


async def test_a_connector_that_is_down_is_a_failure_that_may_pass(connector: Connector, unused_tcp_port: int) -> None:
    with pytest.raises(DeliveryError, match="no answer") as failed:
        await connector.create(at(f"http://127.0.0.1:{unused_tcp_port}"), HELLO)
    assert failed.value.retryable


async def test_typing_is_dropped_where_it_would_make_the_next_answer_wait(
    teams: StandInConnector, connector: Connector
) -> None:
    for _ in range(3):
        await connector.create(at(teams.service_url), HELLO)
    await connector.send_ephemeral(at(teams.service_url), TYPING)

    assert [posted.type for posted in teams.requests] == ["message"] * 3


async def test_repetitions_too_keep_to_teams_limits(teams: StandInConnector, connector: Connector) -> None:
    for _ in range(3):
        await connector.create(at(teams.service_url), HELLO)
    teams.faults.extend([Fault(status=502)] * 3)
    before = time.monotonic()

    await connector.update(at(teams.service_url), "7", HELLO)

    assert len(teams.requests) == 7
    assert time.monotonic() - before > 1.0  # four at once, two a second after that


async def test_the_wait_for_teams_limits_has_an_end(teams: StandInConnector) -> None:
    async with connector_session() as session:
        connector = Connector(session=session, policy=replace(QUICK, max_queue_wait_s=0.1))
        for _ in range(4):
            await connector.create(at(teams.service_url), HELLO)
        with pytest.raises(DeliveryError, match="Teams' limits") as failed:
            await connector.create(at(teams.service_url), HELLO)

    assert failed.value.retryable
    assert len(teams.requests) == 4


async def test_teams_limits_do_not_hold_on_the_chat_page(teams: StandInConnector) -> None:
    page = replace(at(teams.service_url), is_paced=False)
    async with connector_session(answer_s=30.0) as session:
        connector = Connector(session=session)
        for _ in range(20):  # Teams' limits would let four through at once
            await connector.send_ephemeral(page, TYPING)

    assert len(teams.requests) == 20


async def test_typing_is_never_repeated(teams: StandInConnector, connector: Connector) -> None:
    teams.typing_faults.extend([Fault.named(429, "Throttled")] * 3)

    with pytest.raises(DeliveryError):
        await connector.send_ephemeral(at(teams.service_url), TYPING)
    assert len(teams.requests) == 1


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "BadSyntax"),
        (401, "BotNotRegistered"),
        (403, "InvalidBotApiHost"),
        (403, "NotEnoughPermissions"),
        (404, "ActivityNotFoundInConversation"),
        (404, ""),
        (405, "BadArgument"),
        (413, "MessageSizeTooBig"),
        (500, "ServiceError"),
        (501, "DeleteActivityAPINotImplemented"),
    ],
)
async def test_what_will_not_get_better_is_asked_once(
    teams: StandInConnector, connector: Connector, status: int, code: str
) -> None:
    teams.faults.append(Fault.named(status, code))

    with pytest.raises(DeliveryError, match=f"{status} {code}".rstrip()) as failed:
        await connector.create(at(teams.service_url), HELLO)
    assert not failed.value.retryable
    assert len(teams.requests) == 1


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (403, "BotDisabledByAdmin"),
        (403, "BotNotInConversationRoster"),
        (403, "ConversationBlockedByUser"),
        (403, "MessageWritesBlocked"),
        (403, "ForbiddenOperationException"),
        (404, "ConversationNotFound"),
    ],
)
async def test_a_conversation_nobody_hears_is_gone(
    teams: StandInConnector, connector: Connector, status: int, code: str
) -> None:
    teams.faults.append(Fault.named(status, code))

    with pytest.raises(ConversationGoneError, match=code):
        await connector.create(at(teams.service_url), HELLO)


async def test_an_error_code_outside_an_error_object_is_understood(
    teams: StandInConnector, connector: Connector
) -> None:
    teams.faults.append(Fault(status=403, body='{"code": "BotDisabledByAdmin", "message": "no"}'))
    teams.faults.append(Fault(status=403, body='{"error": {"code": "Forbidden", "subCode": "MessageWritesBlocked"}}'))
    teams.faults.append(Fault(status=403, body='{"subCode": "MessageWritesBlocked"}'))

    with pytest.raises(ConversationGoneError):
        await connector.create(at(teams.service_url), HELLO)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(teams: StandInConnector, connector: Connector, status: int) -> None:
    strangers: list[str] = []

    async def stranger(request: web.Request) -> web.Response:
        strangers.append(request.path)
        return web.json_response({"id": "1"})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", stranger)
    async with TestServer(app) as other:
        teams.faults.append(Fault(status=status, headers={"Location": str(other.make_url("/"))}))
        with pytest.raises(DeliveryError, match=str(status)):
            await connector.create(at(teams.service_url), HELLO)
    assert strangers == []


@pytest.mark.parametrize(
    "url", ["https://evil.example", "http://localhost@evil.example", "http://10.0.0.1", "http://localhost:1/?a", ""]
)
async def test_a_stored_address_is_judged_again_before_a_byte_leaves(connector: Connector, url: str) -> None:
    with pytest.raises(DeliveryError, match="not trusted") as failed:
        await connector.create(at(url), HELLO)
    assert not failed.value.retryable


async def test_an_answer_is_read_no_further_than_needed(teams: StandInConnector, connector: Connector) -> None:
    teams.faults.append(Fault(status=403, endless=True))

    with pytest.raises(DeliveryError, match="403"):
        await connector.create(at(teams.service_url), HELLO)


async def test_cookies_are_not_kept(teams: StandInConnector, connector: Connector) -> None:
    by_name = teams.service_url.replace("127.0.0.1", "localhost")
    teams.faults.append(Fault(status=503, headers={"Set-Cookie": "a=b"}))

    await connector.create(at(by_name), HELLO)

    assert ["Cookie" in posted.headers for posted in teams.requests] == [False, False]


async def test_errors_and_logs_hold_neither_words_nor_addresses(
    teams: StandInConnector, connector: Connector, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="adapters")
    teams.faults.extend([Fault.named(429, "Throttled", "secret"), Fault.named(500, "ServiceError", "secret")])

    with pytest.raises(DeliveryError) as failed:
        await connector.create(at(teams.service_url, "c-secret"), {"type": "message", "text": "secret"})

    said = str(failed.value) + " ".join(f"{record.getMessage()} {vars(record)}" for record in caplog.records)
    assert "secret" not in said
    assert "127.0.0.1" not in said


async def test_one_connection_serves_many_activities(teams: StandInConnector, connector: Connector) -> None:
    for _ in range(5):
        await connector.create(at(teams.service_url), HELLO)

    assert len({posted.peer_port for posted in teams.requests}) == 1


@pytest.mark.parametrize(
    ("headers", "named_pause_s"),
    [
        ({}, None),
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "0"}, 0.0),
        ({"retry-after-ms": "250"}, 0.25),
        ({"x-ms-retry-after-ms": "250", "Retry-After": "7"}, 0.25),
        ({"retry-after-ms": "soon", "Retry-After": "7"}, 7.0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-5"}, None),
        ({"Retry-After": "1e9"}, None),
        ({"Retry-After": "9" * 400}, None),
        ({"Retry-After": "٣"}, None),
        ({"Retry-After": ""}, None),
        ({"Retry-After": "Tue, 24 Nov 2020 06:45:02 GMT"}, 0.0),
        ({"Retry-After": "Tue, 99 Nov 2020 06:45:02 GMT"}, None),
    ],
)
def test_a_wish_to_wait_is_read_in_every_form(headers: dict[str, str], named_pause_s: float | None) -> None:
    assert retry_after_s(headers) == named_pause_s


def test_a_wish_may_be_a_moment() -> None:
    named_pause_s = retry_after_s(
        {"Retry-After": format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)}
    )

    assert named_pause_s is not None
    assert 28 <= named_pause_s <= 30
