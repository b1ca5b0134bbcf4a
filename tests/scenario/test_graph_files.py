"""Files of channels and group chats, through Microsoft Graph, and the whole bot with signed activities."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.free_ports import lasting_port
from tests.support.graph_service import GRAPH_TOKEN
from tests.support.scripted_model import RunCode
from tests.support.service_process import running_bot
from tests.support.signed_bot import CHANNEL, GROUP, MENTION, PERSONAL, SignedBot, signed_bot
from tests.support.signed_teams import BOT_TOKEN
from tests.support.waiting import until

CSV = b"a,b\n1,2\n2,4\n"
TEAM = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
READ = RunCode(code="print(open('/mnt/data/data.csv').read())", then=lambda output: f"It says {output}")
MARKED = {"contentType": "text/html", "content": '<p>Read it</p><attachment id="1150d938-8870-4044"></attachment>'}
UNMARKED = {"contentType": "text/html", "content": "<p>Read it</p>"}  # as Teams sends it in group chats
MESSAGE = "chats/19:g@thread.v2/messages/f1"


@pytest.fixture
async def bot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SignedBot]:
    async with signed_bot(tmp_path, monkeypatch) as made:
        made.environ["GRAPH_FILES"] = "on"
        made.host.files["/download.aspx/data.csv"] = CSV
        yield made


async def ask(bot: SignedBot, html: dict[str, Any] = UNMARKED, text: str = "Read it", **changes: Any) -> str:
    """Mention the bot in a group chat: what it says, with nothing left of the mention in it."""
    fields = {"id": "f1", "conversation": GROUP, "entities": [MENTION], **changes}
    [answer] = await bot.say(f"<at>Data Bot</at> {text}", html, **fields)
    return answer.words


@pytest.mark.parametrize("html", [MARKED, UNMARKED], ids=["marked", "unmarked"])
async def test_a_file_of_a_group_chat_is_read_and_each_host_sees_the_token_that_is_for_it(
    bot: SignedBot, html: dict[str, Any]
) -> None:
    bot.graph.attach(MESSAGE, "data.csv")
    bot.model.script.append(READ)
    async with bot.started():
        assert "1,2" in await ask(bot, html)
    assert [path.partition("/")[0] for path in bot.graph.asked] == ["chats", "shares"]
    assert set(bot.graph.tokens) == {f"Bearer {GRAPH_TOKEN}"}
    assert [(asked.path, asked.authorization) for asked in bot.host.asked] == [("/download.aspx/data.csv", None)]
    assert {posted.headers["Authorization"] for posted in bot.connector.requests} == {f"Bearer {BOT_TOKEN}"}


@pytest.mark.parametrize(
    ("message", "team", "path"),
    [
        ("1700000000001", {"aadGroupId": TEAM}, f"teams/{TEAM}/channels/19:c@thread.tacv2/messages/1700000000001"),
        ("f1", {"id": "19:t@thread.tacv2", "aadGroupId": TEAM}, None),
        ("f1", {"id": "19:t@thread.tacv2"}, None),
    ],
    ids=["a post", "a reply", "a reply in a team of which the activity tells the thread alone"],
)
async def test_a_file_of_a_channel_is_read_wherever_in_its_reply_chain_it_is(
    bot: SignedBot, message: str, team: dict[str, str], path: str | None
) -> None:
    bot.connector.teams["19:t@thread.tacv2"] = TEAM
    reply = f"teams/{TEAM}/channels/19:c@thread.tacv2/messages/1700000000001/replies/f1"
    bot.graph.attach(path or reply, "data.csv")
    data = {"tenant": {"id": CHANNEL["tenantId"]}, "team": team}
    bot.model.script.append(READ)
    async with bot.started():
        assert "1,2" in await ask(bot, conversation=CHANNEL, channelData=data, id=message)
    assert bot.graph.asked[0] == (path or reply)


async def test_without_the_setting_it_is_said_whose_move_it_is_and_the_words_are_answered(bot: SignedBot) -> None:
    bot.graph.attach(MESSAGE, "data.csv")
    async with bot.started(GRAPH_FILES="off"):
        said = await ask(bot, MARKED)
        assert "the administrator of this bot has not switched that on (GRAPH_FILES" in said
        assert "Please send them to me in a one-to-one chat." in said
        assert "You said: " in said
        assert "I cannot see" not in await ask(bot, UNMARKED, id="f2")
    assert bot.graph.asked == []


async def test_without_consent_the_permission_is_named_and_where_no_file_is_known_of_it_is_named_once(
    bot: SignedBot,
) -> None:
    bot.graph.attach(MESSAGE, "data.csv")
    bot.graph.consented = False
    async with bot.started():
        for html, names in ((UNMARKED, True), (UNMARKED, False), (MARKED, True), (MARKED, True)):
            said = await ask(bot, html, id=f"g{len(bot.graph.asked)}")
            assert ("has to give this app the permission ChatMessage.Read.Chat" in said) is names
            assert "You said: " in said
        said = await ask(bot, MARKED, conversation=CHANNEL, channelData={"team": {"aadGroupId": TEAM}}, id="f9")
        assert "the permission ChannelMessage.Read.Group" in said
        bot.graph.consented, bot.graph.may_read_files = True, False
        said = await ask(bot, MARKED, id="f1")
        assert "I may not open data.csv: an administrator has to give this app the permission Files.Read.All" in said
        assert "You said: " in said


async def test_limits_and_names_are_those_of_all_files(bot: SignedBot) -> None:
    names = ["..\\..\\evil\u202egnp.exe", "a/../big.csv", *[f"t{number}.csv" for number in range(9)]]
    bot.graph.attach(MESSAGE, *names)
    bot.graph.files = dict.fromkeys(bot.graph.files, "/download.aspx/data.csv")
    bot.graph.files[bot.graph.messages[MESSAGE][1]["contentUrl"]] = "/big"
    bot.host.files["/big"] = b"x" * 50_000_001
    async with bot.started():
        said = await ask(bot, MARKED)
    assert "I can take at most 10 files with one message." in said
    assert "I cannot read evil_gnp.exe." in said
    assert "big.csv is larger than 50 MB" in said
    assert [path.partition("/")[0] for path in bot.graph.asked].count("shares") == 9  # the tenth is an .exe


async def test_cards_quotes_and_words_alone_are_no_files_and_an_empty_mention_is_greeted(bot: SignedBot) -> None:
    bot.graph.messages[MESSAGE] = [
        {"id": "1700000000001", "contentType": "messageReference", "content": "{}", "name": None, "contentUrl": None},
        {"id": "74d20c7f34aa", "contentType": "application/vnd.microsoft.card.adaptive", "content": "{}"},
    ]
    async with bot.started():
        said = await ask(bot)
        assert said.startswith("<at>Ada Lovelace</at> You said: ")
        assert said.endswith("Read it")
        bot.graph.messages["chats/19:g@thread.v2/messages/f2"] = []
        assert "Hello! Ask me something" in await ask(bot, text="", id="f2", html={**UNMARKED, "content": "<p></p>"})
        quoted = {**UNMARKED, "content": '<attachment id="1700000000001"></attachment><p>why?</p>'}
        [answer] = await bot.say("why?", quoted, conversation=PERSONAL)
        assert answer.words.endswith("You said: why?")


async def test_each_file_is_fetched_once_though_the_process_is_killed_in_between(bot: SignedBot) -> None:
    others = ("2.csv", "3.csv", "4.csv")
    bot.graph.attach(MESSAGE, "data.csv", *others)
    bot.host.files |= {f"/download.aspx/{name}": CSV for name in others}
    # All but the first file are held back until the process is dead. Three are asked for at once, so the request for
    # the fourth tells that the first one is written down.
    bot.graph.file_delays_s = dict.fromkeys(others, 300)
    bot.model.script.append(READ)
    environ = bot.environ | {"PORT": str(lasting_port())}
    with running_bot(bot.folder, **environ) as first:
        bot.teams.bot_url = f"http://127.0.0.1:{environ['PORT']}"
        fields = {"id": "f1", "conversation": GROUP, "entities": [MENTION]}
        status, _ = await bot.post(text="<at>Data Bot</at> Read it", attachments=[MARKED], **fields)
        assert status == 202
        await until(lambda: len(bot.graph.asked) == 5)
        os.kill(first.process.pid, signal.SIGKILL)
    bot.graph.file_delays_s.clear()
    with running_bot(bot.folder, **environ):
        [answer] = await bot.connector.wait_for_messages(1, deadline_s=60)
    assert "1,2" in answer.words
    assert bot.graph.asked.count(MESSAGE) == 1
    assert sorted(asked.path for asked in bot.host.asked) == [
        f"/download.aspx/{name}" for name in (*others, "data.csv")
    ]
