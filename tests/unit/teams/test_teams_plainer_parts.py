"""A part that Teams refuses in its form is said in a plainer one: nothing of an answer vanishes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from adapters.teams.channel import TeamsChannel
from adapters.teams.connector import Connector, connector_session
from adapters.teams.retries import RetryPolicy
from bot.conversation import ConversationReference
from bot.errors import DeliveryError, DeliveryUnknownError
from bot.parts import (
    ApologyPart,
    Choice,
    ChoicePart,
    Details,
    FilesPart,
    Marks,
    Part,
    PicturePart,
    Source,
    StoredFile,
    Table,
    TablePart,
    TextPart,
    WelcomePart,
)
from bot.run import CodeCell
from bot.turn_record import TurnCode
from tests.support.connector_double import Fault, Posted, StandInConnector
from tests.support.fakes import MemoryStatus, PlainLinks, message

PLOT = StoredFile(token="t", name="plot.png", size_bytes=5)
DATA = StoredFile(token="d", name="points_[1].csv", size_bytes=5)
DETAILS = Details(explanation="I drew it.", code=(CodeCell(code="plot()", output=""),), data=DATA)
PICTURE = PicturePart(file=PLOT, alt_text="Line of *x*", details=DETAILS, marks=Marks(is_ai_generated=True))
TOO_BIG = Fault.named(413, "MessageSizeTooBig")

PARTS: list[tuple[Part, tuple[str, ...]]] = [
    (PICTURE, ("Line of", "plot.png", "csv", "/files/t/", "/files/d/")),
    (FilesPart(files=(DATA, PLOT)), ("csv", "plot.png", "/files/t/")),
    (TablePart(table=Table(header=("a",), rows=(("1",),), sides=("left",), block="```\na\n1\n```")), ("a\n1",)),
    (ApologyPart(text="It is down.", code=TurnCode("T-7F3K"), question="plot x"), ("It is down.", "T-7F3K")),
    (WelcomePart(text="Hello!", starters=("plot x",)), ("Hello!",)),
    (
        ChoicePart(text="Who?", choices=(Choice(name="Ada", description="counts", says="/assistant Ada"),)),
        ("Who?", "Ada"),
    ),
]


@pytest.fixture
async def teams() -> AsyncIterator[StandInConnector]:
    async with StandInConnector() as started:
        yield started


@pytest.fixture
async def channel() -> AsyncIterator[TeamsChannel]:
    async with connector_session(answer_s=5.0) as session:
        connector = Connector(session=session, policy=RetryPolicy(attempts=2, first_pause_s=0.01))
        yield TeamsChannel(connector=connector, links=PlainLinks())


def to(teams: StandInConnector) -> ConversationReference:
    return replace(message().reference, service_url=teams.service_url)


def refuses_cards(posted: Posted) -> Fault | None:
    return TOO_BIG if posted.activity.get("attachments") else None


@pytest.mark.parametrize(("part", "words"), PARTS, ids=[type(part).__name__ for part, _ in PARTS])
@pytest.mark.parametrize("as_first", [False, True], ids=["later", "first"])
async def test_where_no_card_is_taken_its_words_and_links_are_said_once(
    teams: StandInConnector, channel: TeamsChannel, part: Part, words: tuple[str, ...], as_first: bool
) -> None:
    teams.weather_of = refuses_cards
    if as_first:
        async with channel.live(to(teams), MemoryStatus()) as live:
            sent = await live.finish(part)
    else:
        sent = await channel.send(to(teams), part)
    [posted] = teams.messages
    assert posted.activity_id == sent
    assert all(word in posted.text for word in words), posted.text


async def test_a_picture_is_shown_without_its_extras_before_it_becomes_a_link(
    teams: StandInConnector, channel: TeamsChannel
) -> None:
    teams.weather_of = lambda posted: TOO_BIG if "plot()" in str(posted.activity) else None
    await channel.send(to(teams), PICTURE)
    [posted] = teams.messages
    assert "Line of" in str(posted.cards)
    assert [action["title"] for action in posted.cards[0]["actions"]] == ["Open full size", "Data (csv)"]


async def test_a_text_whose_marks_are_refused_is_said_without_them(
    teams: StandInConnector, channel: TeamsChannel
) -> None:
    teams.weather_of = lambda posted: Fault.named(400, "BadArgument") if "citation" in str(posted.activity) else None
    marks = Marks(is_ai_generated=True, sources=(Source(position=1, name="a.csv"),))
    await channel.send(to(teams), TextPart(text="It is 5 [1].", marks=marks))
    assert [posted.text for posted in teams.messages] == ["It is 5 [1]."]


async def test_plain_words_that_are_refused_are_a_failure(teams: StandInConnector, channel: TeamsChannel) -> None:
    teams.weather_of = lambda _: TOO_BIG
    with pytest.raises(DeliveryError):
        await channel.send(to(teams), TextPart(text="hi"))
    assert len(teams.requests) == 1


@pytest.mark.parametrize("part", [PICTURE, TextPart(text="42", marks=Marks(is_ai_generated=True)), TextPart(text="42")])
async def test_where_the_connector_posts_and_answers_500_a_part_is_there_at_most_twice(
    teams: StandInConnector, channel: TeamsChannel, part: Part
) -> None:
    teams.weather_of = lambda _: replace(Fault.named(500, "ServiceError"), done=True)

    with pytest.raises(DeliveryUnknownError):
        await channel.send(to(teams), part)
    assert len(teams.messages) == 2


@pytest.mark.parametrize("part", [PICTURE, TextPart(text="42")], ids=["card", "words"])
async def test_a_part_over_which_the_connector_fails_once_is_said_in_words(
    teams: StandInConnector, channel: TeamsChannel, part: Part
) -> None:
    teams.faults.append(Fault.named(500, "ServiceError"))

    assert await channel.send(to(teams), part) is not None
    [posted] = teams.messages
    assert posted.text


@pytest.mark.parametrize("statuses", [(500, 504, 504), (504, 500, 504), (500, 503, 500), (500, 408, 524), (500, 400)])
async def test_whatever_follows_a_failure_a_part_is_there_at_most_twice(
    teams: StandInConnector, channel: TeamsChannel, statuses: tuple[int, ...]
) -> None:
    teams.faults.extend([Fault(status=status, done=status != 503) for status in statuses])
    with pytest.raises(DeliveryUnknownError):
        await channel.send(to(teams), PICTURE)
    assert len(teams.messages) == 2


async def test_a_failure_that_503_follows_is_no_reason_to_begin_anew(
    teams: StandInConnector,
) -> None:
    teams.faults.append(Fault(status=500, done=True))
    teams.weather_of = lambda _: Fault(status=503)
    async with connector_session(answer_s=5.0) as session:
        policy = RetryPolicy(attempts=2, first_pause_s=0.01, max_unknown_s=0.3)
        channel = TeamsChannel(connector=Connector(session=session, policy=policy), links=PlainLinks())
        with pytest.raises(DeliveryUnknownError):
            await channel.send(to(teams), PICTURE)
    assert len(teams.messages) == 1


@pytest.mark.parametrize("last", [500, 504])
async def test_a_refusal_that_follows_an_unknown_outcome_is_in_doubt_too(
    teams: StandInConnector, channel: TeamsChannel, last: int
) -> None:
    teams.faults.extend([Fault(status=504, done=True), TOO_BIG, *[Fault(status=last, done=True)] * 9])
    with pytest.raises(DeliveryUnknownError):
        await channel.send(to(teams), PICTURE)
    assert len(teams.messages) == 2
