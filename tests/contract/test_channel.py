"""What every way to people promises the application, proven on the one to Teams."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio

from adapters.teams.channel import TeamsChannel
from adapters.teams.connector import Connector, connector_session
from adapters.teams.retries import RetryPolicy
from bot.conversation import ActivityId, ConversationKey, ConversationReference, Party, Scope
from bot.errors import ChannelError, ConversationGoneError, DeliveryError
from bot.parts import (
    ApologyPart,
    FilesPart,
    Marks,
    Part,
    PicturePart,
    Source,
    StoredFile,
    TableForm,
    TextPart,
)
from bot.ports import Channel
from bot.reply import split_to_fit
from bot.turn_record import TurnCode
from tests.support.connector_double import Fault, StandInConnector
from tests.support.fakes import MemoryStatus, PlainLinks
from tests.support.waiting import until

TEXT = TextPart(text="y = **12**")
PLOT = StoredFile(token="t", name="plot.png", size_bytes=5)
PICTURE = PicturePart(file=PLOT, alt_text="Line plot of x² + 3")
FILES = FilesPart(files=(StoredFile(token="t", name="a.csv", size_bytes=5),))
APOLOGY = ApologyPart(text="The assistant is down.", code=TurnCode("T-7F3K"), question="plot x^2")
ALL: list[Part] = [TEXT, PICTURE, FILES, APOLOGY]


@pytest_asyncio.fixture
async def teams() -> AsyncIterator[StandInConnector]:
    async with StandInConnector() as teams:
        yield teams


@pytest.fixture
def links() -> PlainLinks:
    return PlainLinks()


@pytest_asyncio.fixture
async def channel(links: PlainLinks) -> AsyncIterator[Channel]:
    async with connector_session(answer_s=2.0) as session:
        policy = RetryPolicy(attempts=3, first_pause_s=0.01)
        yield TeamsChannel(connector=Connector(session=session, policy=policy), links=links)


def reference(
    teams: StandInConnector, *, reply_to: str | None = "m1", channel: str = "msteams"
) -> ConversationReference:
    return ConversationReference(
        service_url=teams.service_url,
        key=ConversationKey(channel=channel, tenant="t", conversation="19:c@thread.tacv2;messageid=1"),
        scope=Scope.CHANNEL,
        bot=Party(id="28:bot", name="Bot"),
        user=Party(id="29:ada", name="Ada"),
        locale="de-DE",
        reply_to=ActivityId(reply_to) if reply_to else None,
    )


async def test_each_part_is_a_message_of_its_own_with_an_id_of_its_own(
    teams: StandInConnector, channel: Channel
) -> None:
    ids = [await channel.send(reference(teams), part) for part in ALL]

    assert ids == ["1", "2", "3", "4"]
    assert [posted.activity_id for posted in teams.messages] == ids


async def test_a_message_is_addressed_as_an_answer(teams: StandInConnector, channel: Channel) -> None:
    await channel.send(reference(teams), TEXT)

    [posted] = teams.messages
    assert posted.conversation == posted.activity["conversation"]["id"] == "19:c@thread.tacv2;messageid=1"
    assert posted.activity["replyToId"] == "m1"
    assert posted.activity["from"] == {"id": "28:bot", "name": "Bot"}
    assert posted.activity["recipient"] == {"id": "29:ada", "name": "Ada"}
    assert posted.activity["channelId"] == "msteams"


async def test_text_goes_as_markdown_without_an_attachment(teams: StandInConnector, channel: Channel) -> None:
    await channel.send(reference(teams), TEXT)

    [posted] = teams.messages
    assert (posted.text, posted.activity["textFormat"], posted.cards) == ("y = **12**", "markdown", [])


async def test_a_picture_goes_as_a_card_without_text(teams: StandInConnector, channel: Channel) -> None:
    await channel.send(reference(teams), PICTURE)

    [posted] = teams.messages
    [attachment] = posted.activity["attachments"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    assert attachment["content"]["body"][0]["url"] == "http://127.0.0.1:3978/files/t/plot.png"
    assert "text" not in posted.activity
    assert posted.activity["summary"] == PICTURE.alt_text


async def test_a_part_whose_link_cannot_be_made_is_sent_later(
    teams: StandInConnector, channel: Channel, links: PlainLinks
) -> None:
    links.broken = True
    with pytest.raises(DeliveryError) as failed:
        await channel.send(reference(teams), PICTURE)
    assert failed.value.retryable
    links.broken = False
    await channel.send(reference(teams), PICTURE)
    assert len(teams.messages) == 1


TABLE = "| city | km |\n|:-|-:|\n| Bonn | 12 |\n| **Kiel** | 7 |"


async def sent_with(teams: StandInConnector, form: TableForm, text: str, *, where: str = "msteams") -> None:
    async with connector_session(answer_s=2.0) as session:
        policy = RetryPolicy(attempts=3, first_pause_s=0.01)
        channel = TeamsChannel(connector=Connector(session=session, policy=policy), links=PlainLinks(), tables=form)
        to = reference(teams, channel=where)
        for part in split_to_fit([TextPart(text=text)], channel, to=to):
            await channel.send(to, part)


async def test_a_small_table_is_a_card_between_the_words_around_it(teams: StandInConnector) -> None:
    await sent_with(teams, TableForm.CARD, f"Before:\n\n{TABLE}\n\nAfter.")

    first, table, last = teams.messages
    assert (first.text, last.text) == ("Before:", "After.")
    [card] = table.cards
    [element] = card["body"]
    assert element["type"] == "Table"
    assert [[cell["items"][0]["text"] for cell in row["cells"]] for row in element["rows"]] == [
        ["city", "km"],
        ["Bonn", "12"],
        ["Kiel", "7"],
    ]
    assert [column["horizontalCellContentAlignment"] for column in element["columns"]] == ["Left", "Right"]
    assert "Bonn\u00a0" in element["fallback"]["text"]
    assert "text" not in table.activity


@pytest.mark.parametrize(
    ("form", "text", "where"),
    [
        (TableForm.BLOCK, TABLE, "msteams"),
        (TableForm.CARD, TABLE, "emulator"),
        (TableForm.CARD, "| only |\n|-|\n| one |", "msteams"),
        (TableForm.CARD, "|a|b|c|d|e|f|\n|-|-|-|-|-|-|\n|1|2|3|4|5|6|", "msteams"),
        (TableForm.CARD, "|a|b|\n|-|-|\n" + "|1|2|\n" * 26, "msteams"),
        (TableForm.CARD, f"|a|b|\n|-|-|\n|{'word ' * 25}|2|", "msteams"),
        (TableForm.CARD, f"- an item\n\n  {TABLE.replace(chr(10), chr(10) + '  ')}", "msteams"),
        (TableForm.CARD, f"{TABLE}\n\nand\n\n" * 4, "msteams"),
    ],
)
async def test_a_table_beyond_the_limits_or_elsewhere_stays_a_block_in_the_text(
    teams: StandInConnector, form: TableForm, text: str, where: str
) -> None:
    await sent_with(teams, form, text, where=where)

    [posted] = teams.messages
    assert "```" in posted.text
    assert posted.cards == []


async def test_extended_markdown_is_sent_where_it_is_chosen_and_a_block_where_it_is_refused(
    teams: StandInConnector,
) -> None:
    await sent_with(teams, TableForm.EXTENDED_MARKDOWN, f"{TABLE}\n| a\\|b | $5 |")
    [posted] = teams.messages
    assert posted.activity["textFormat"] == "extendedmarkdown"
    assert posted.text.splitlines()[0:3] == ["| city | km |", "| :- | -: |", "| Bonn | 12 |"]
    assert posted.text.splitlines()[-1] == r"| a\|b | \$5 |"

    teams.faults.append(Fault(status=400))
    await sent_with(teams, TableForm.EXTENDED_MARKDOWN, TABLE)
    assert teams.messages[-1].activity["textFormat"] == "markdown"
    assert teams.messages[-1].text.startswith("```")


async def test_files_go_as_one_card(teams: StandInConnector, channel: Channel) -> None:
    await channel.send(reference(teams), FILES)

    [posted] = teams.messages
    [card] = posted.cards
    assert "a.csv" in card["body"][0]["text"]
    assert posted.activity["summary"] == "a.csv"


async def test_nothing_in_an_activity_is_null(teams: StandInConnector, channel: Channel) -> None:
    for part in ALL:
        await channel.send(replace(reference(teams, reply_to=None), locale=""), part)

    assert all(None not in posted.activity.values() and "" not in posted.activity.values() for posted in teams.messages)
    assert all("replyToId" not in posted.activity for posted in teams.messages)


async def test_no_entity_leaves_so_nobody_can_be_mentioned(teams: StandInConnector, channel: Channel) -> None:
    for piece in channel.split("<at>CEO</at> look"):
        await channel.send(reference(teams), TextPart(text=str(piece)))

    [posted] = teams.messages
    assert not posted.activity.get("entities")
    assert "<at>" not in posted.text


async def test_typing_is_shown_and_is_no_message(teams: StandInConnector, channel: Channel) -> None:
    async with channel.live(reference(teams), MemoryStatus()) as live:
        await live.begin()
        await until(lambda: bool(teams.posted))

    assert [posted.type for posted in teams.posted] == ["typing"]
    assert teams.messages == []


async def test_a_channel_that_gives_no_id_is_no_failure(teams: StandInConnector, channel: Channel) -> None:
    teams.faults.append(Fault(status=202))

    assert await channel.send(reference(teams), TEXT) is None


@pytest.mark.parametrize(
    "fault", [Fault(status=501), Fault(status=400), Fault.named(429, "Throttled", Retry_After="99")]
)
async def test_what_cannot_be_delivered_is_a_delivery_error(
    teams: StandInConnector, channel: Channel, fault: Fault
) -> None:
    teams.faults.append(fault)

    with pytest.raises(DeliveryError):
        await channel.send(reference(teams), TEXT)


async def test_a_conversation_without_the_bot_is_gone(teams: StandInConnector, channel: Channel) -> None:
    teams.faults.append(Fault.named(403, "BotNotInConversationRoster"))

    with pytest.raises(ConversationGoneError):
        await channel.send(reference(teams), PICTURE)


async def test_typing_that_fails_disturbs_nothing(teams: StandInConnector, channel: Channel) -> None:
    teams.typing_faults.append(Fault(status=500))

    async with channel.live(reference(teams), MemoryStatus()) as live:
        await live.begin()
        await until(lambda: bool(teams.requests))
        assert await live.finish(TEXT) == "1"

    assert [posted.type for posted in teams.posted] == ["message"]


async def test_a_part_can_be_replaced_and_deleted(teams: StandInConnector, channel: Channel) -> None:
    sent = await channel.send(reference(teams), TEXT)
    assert sent is not None
    await channel.replace(reference(teams), sent, TextPart(text="y = 13"))
    await channel.delete(reference(teams), sent)

    assert [(posted.method, posted.activity_id, posted.text) for posted in teams.posted] == [
        ("POST", sent, "y = **12**"),
        ("PUT", sent, "y = 13"),
        ("DELETE", sent, ""),
    ]


async def test_a_part_that_cannot_be_replaced_or_deleted_is_a_channel_error(
    teams: StandInConnector, channel: Channel
) -> None:
    teams.faults.extend([Fault(status=404), Fault(status=403)])

    with pytest.raises(ChannelError):
        await channel.replace(reference(teams), ActivityId("7"), TEXT)
    with pytest.raises(ChannelError):
        await channel.delete(reference(teams), ActivityId("7"))


def test_a_short_text_is_one_piece(channel: Channel) -> None:
    assert channel.split("y = 12") == ("y = 12",)


@pytest.mark.parametrize("text", ["", " \n\n ", "&nbsp;", "# ", "---"])
def test_a_text_without_words_is_no_piece(channel: Channel, text: str) -> None:
    assert channel.split(text) == ()


def test_a_picture_at_a_foreign_address_is_its_words_and_its_host(channel: Channel) -> None:
    assert channel.split("![x](http://evil.example/?d=1)") == ("x (evil.example)",)  # F3


async def test_a_long_text_fits_the_connector_piece_by_piece(teams: StandInConnector, channel: Channel) -> None:
    texts = ("表𝑥" * 60_000, "word " * 30_000, "\\`*<" * 30_000, '"\\n' * 30_000)
    for number, piece in enumerate(piece for text in texts for piece in channel.split(text)):
        to = reference(teams)
        to = replace(to, key=replace(to.key, conversation=f"c{number}"))  # limits of one conversation cost seconds
        await channel.send(to, TextPart(text=str(piece)))

    assert len(teams.messages) > 4
    assert all(int(posted.headers["Content-Length"]) < 100_000 for posted in teams.messages)


async def test_broken_letters_of_a_model_do_not_keep_an_answer_back(teams: StandInConnector, channel: Channel) -> None:
    for piece in channel.split("y = 12 \ud83d\x00\x1b[31m"):
        await channel.send(reference(teams), TextPart(text=str(piece)))
    await channel.send(reference(teams), PicturePart(file=PLOT, alt_text="plot \ud83d"))
    await channel.send(reference(teams), FilesPart(files=(replace(PLOT, name="\ud83d"),)))

    assert len(teams.messages) == 3


MARKED = TextPart(
    text="Up [1].",
    marks=Marks(
        is_ai_generated=True,
        takes_feedback=True,
        sources=(Source(position=1, name="r" * 90, link="https://a.sharepoint.com/r.pdf"),),
        follow_ups=("Why?", "And x^3?"),
    ),
)


async def test_an_answer_is_labelled_takes_feedback_names_its_sources_and_offers_questions(
    teams: StandInConnector, channel: Channel
) -> None:
    await channel.send(reference(teams), MARKED)

    [posted] = teams.messages
    [entity] = posted.activity["entities"]
    assert (entity["type"], entity["@type"]) == ("https://schema.org/Message", "Message")
    assert entity["additionalType"] == ["AIGeneratedContent"]
    [claim] = entity["citation"]
    assert claim["position"] == 1
    assert claim["appearance"]["name"] == "r" * 79 + "…"
    assert claim["appearance"]["url"] == "https://a.sharepoint.com/r.pdf"
    assert posted.activity["channelData"] == {"feedbackLoop": {"type": "default"}}
    actions = posted.activity["suggestedActions"]
    assert actions["to"] == ["29:ada"]
    assert [(action["type"], action["value"]) for action in actions["actions"]] == [
        ("imBack", "Why?"),
        ("imBack", "And x^3?"),
    ]


async def test_the_marks_of_an_answer_are_on_the_last_activity_of_its_stream(
    teams: StandInConnector, channel: Channel
) -> None:
    status = MemoryStatus()
    to = replace(reference(teams), scope=Scope.PERSONAL)
    async with channel.live(to, status) as live:
        await live.begin()
        await live.text("Up")
        await until(lambda: status.id is not None)
        await live.finish(MARKED)

    last = teams.messages[-1].activity
    assert [entity["type"] for entity in last["entities"]] == ["https://schema.org/Message", "streaminfo"]
    assert last["channelData"]["feedbackLoop"] == {"type": "default"}
    assert last["suggestedActions"]["actions"]


async def test_feedback_is_asked_for_where_thumbs_are_shown(teams: StandInConnector, channel: Channel) -> None:
    await channel.send(reference(teams, channel="webchat"), MARKED)
    await channel.send(reference(teams, channel="emulator"), MARKED)

    assert teams.messages[0].activity["channelData"]["feedbackLoop"] == {"type": "default"}
    assert "channelData" not in teams.messages[1].activity


async def test_on_the_chat_page_the_step_is_told_beside_the_words(teams: StandInConnector, channel: Channel) -> None:
    to = replace(reference(teams, channel="webchat"), scope=Scope.PERSONAL)
    async with channel.live(to, MemoryStatus()) as live:
        await live.begin()
        await live.status("Running code")
        await live.text("y = 1 and")
        await until(lambda: any(posted.stream for posted in teams.posted))
        await live.finish(MARKED)

    told = next(posted.activity for posted in teams.posted if posted.stream)
    assert told["text"] == "y = 1 and"
    assert told["channelData"]["status"].startswith("Running code, ")


async def test_a_labelled_answer_may_mention_its_asker_too(teams: StandInConnector, channel: Channel) -> None:
    await channel.send(reference(teams), replace(MARKED, to_asker=True))

    kinds = [entity["type"] for entity in teams.messages[0].activity["entities"]]
    assert kinds == ["mention", "https://schema.org/Message"]
