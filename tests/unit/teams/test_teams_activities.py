from __future__ import annotations

import json
import time
from typing import Any

import pytest
from botbuilder.schema import Activity

from adapters.teams.activities import read_message
from adapters.teams.message_markup import mention_of
from bot.conversation import Incoming, Party, Scope
from bot.errors import UnreadableMessageError
from httpkit.http_errors import RequestRefusedError
from tests.support.teams_client import recorded

BOT = "00000000-0000-0000-0000-00000000000011"


def read(activity: dict[str, Any]) -> Incoming | None:
    return read_message(Activity().deserialize(activity))


def mentioning(text: str, *mentions: tuple[str, str, str]) -> dict[str, Any]:
    """A message to a group in which each (id, name, text in the message) is mentioned."""
    entities = [
        {"type": "mention", "mentioned": {"id": id_, "name": name}, "text": said} for id_, name, said in mentions
    ]
    return recorded("group", text=text, entities=entities)


def words(activity: dict[str, Any]) -> str | None:
    message = read(activity)
    return message.text if message else None


def test_a_personal_message_says_who_where_and_what() -> None:
    message = read(recorded("personal"))

    assert message is not None
    assert message.text == "hello"
    assert message.id == message.reference.reply_to == "a8328d0d-23aa-497b-a856-20fa16ea5b7a"
    assert message.key.channel == "msteams"
    assert message.key.tenant == "00000000-0000-0000-0000-0000000000001"
    assert message.key.conversation == "c2a62817-a5aa-470c-82cb-d928f77e3748"
    assert message.reference.scope is Scope.PERSONAL
    assert message.reference.service_url == "http://localhost:41150/_connector"
    assert (message.reference.bot.id, message.reference.bot.name) == (BOT, "Test Bot")
    assert (message.reference.user.id, message.reference.user.name) == ("user-id-0", "Alex Wilber")
    assert message.reference.locale == "en-US"


@pytest.mark.parametrize(
    ("shape", "scope", "conversation"),
    [
        ("personal", Scope.PERSONAL, "c2a62817-a5aa-470c-82cb-d928f77e3748"),
        ("group", Scope.GROUP, "d9d9c403-c4aa-4f64-99a0-cbc39d98b941"),
        ("channel", Scope.CHANNEL, "team-id;messageid=1795423581039"),
        ("teams_channel", Scope.CHANNEL, "19:abc@thread.tacv2;messageid=1795423590000"),
        ("emulator_channel", Scope.PERSONAL, "4c51e5b2-5f78-49fb-baa6-78a41630500b"),
        ("classic_emulator", Scope.PERSONAL, "4f6b5c60-c84b-11ee-9c3f-6f1d2a0e1b77|livechat"),
        ("directline", Scope.PERSONAL, "7327fc1f-6728-4abd-a116-098285b08c0f"),
    ],
)
def test_each_recorded_shape_has_its_scope_and_conversation(shape: str, scope: Scope, conversation: str) -> None:
    message = read(recorded(shape))

    assert message is not None
    assert message.reference.scope is scope
    assert message.key.conversation == conversation


def test_the_mention_of_the_bot_is_taken_out() -> None:
    assert words(recorded("group")) == "reply"


def test_a_message_of_teams_keeps_all_but_the_mention_and_hears_what_it_quotes() -> None:
    assert words(recorded("teams_channel")) == "> AI: y = 12\n\nand Ann Lee: what does AI mean in MAIN?"


def test_the_bots_name_within_other_words_stays() -> None:
    text = "<at>AI</at> what does AI mean in MAIN"

    assert words(mentioning(text, (BOT, "AI", "<at>AI</at>"))) == "what does AI mean in MAIN"


def test_a_mention_without_tags_never_takes_letters_out_of_a_word() -> None:
    assert words(mentioning("MAIN AI goal", (BOT, "AI", "AI"))) == "MAIN goal"


def test_only_as_many_occurrences_go_as_there_are_mentions() -> None:
    text = "<at>AI</at> writes <at>AI</at>"

    assert words(mentioning(text, (BOT, "AI", "<at>AI</at>"))) == "writes <at>AI</at>"
    assert words(mentioning(text, *[(BOT, "AI", "<at>AI</at>")] * 2)) == "writes"


def test_a_tag_with_an_id_goes_whole() -> None:
    assert words(mentioning('<at id="0">Bot</at> hi', (BOT, "Bot", "<at>Bot</at>"))) == "hi"


def test_a_mention_in_the_middle_leaves_one_space() -> None:
    assert words(mentioning("please <at>Bot</at> plot", (BOT, "Bot", "<at>Bot</at>"))) == "please plot"


def test_other_people_stay_by_name() -> None:
    text = "<at>Bot</at> ask <at>Ann</at>"
    said = words(mentioning(text, (BOT, "Bot", "<at>Bot</at>"), ("29:ann", "Ann Lee", "<at>Ann</at>")))

    assert said == "ask Ann Lee"


TAG = "<at>Test Bot</at>"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"{TAG}, /help", "/help"),
        (f"{TAG}: stop", "stop"),
        (f"{TAG} — plot x", "plot x"),
        (f"{TAG},/help", "/help"),
        (f"plot x, {TAG}", "plot x"),
        (f"{TAG} :) hi", ":) hi"),
        (f"{TAG}\n- one\n- two", "- one\n- two"),
        (f"please{TAG}plot x", "please plot x"),
        (f"{TAG} plot x {TAG}", "plot x"),
        (f"\u200f{TAG}\u200b /help\u200f\u2060", "/help"),
        (f"{TAG} \U0001f3f4\U000e0067\U000e0062\U000e007f", "\U0001f3f4\U000e0067\U000e0062\U000e007f"),
        (f"{TAG} مرحبا", "مرحبا"),
    ],
)
def test_what_is_left_of_a_mention_is_what_was_said(text: str, said: str) -> None:
    assert words(mentioning(text, (BOT, "Test Bot", TAG))) == said


def test_a_name_that_a_client_splits_into_two_mentions_goes_whole() -> None:
    """As in OfficeDev/Microsoft-Teams-Samples#969."""
    mentions = ((BOT, "Test", "<at>Test</at>"), (BOT, "Bot", "<at>Bot</at>"))
    assert words(mentioning("<at>Test</at> <at>Bot</at> plot x", *mentions)) == "plot x"


def test_a_text_of_nothing_that_can_be_seen_has_no_words() -> None:
    assert words(recorded("personal", text="\u200b\u2060 \u00a0")) == ""


@pytest.mark.parametrize(
    ("text", "markup", "said"),
    [
        ("is 3 &lt; 5 &amp;&amp; 7 &gt; 2?", "<p>is 3 &lt; 5 &amp;&amp; 7 &gt; 2?</p>", "is 3 < 5 && 7 > 2?"),
        ("/help&nbsp;", "<p>/help&nbsp;</p>", "/help"),
        ("what is &amp;lt; in HTML?", "<p>what is &amp;lt; in HTML?</p>", "what is &lt; in HTML?"),
        ("what is &lt; in HTML?", "<p>what is &amp;lt; in HTML?</p>", "what is &lt; in HTML?"),
        ("what is &lt; in HTML?", None, "what is &lt; in HTML?"),
    ],
)
def test_escapes_in_the_text_are_read_where_the_html_beside_it_shows_that_nobody_typed_them(
    text: str, markup: str | None, said: str
) -> None:
    assert words(recorded("personal", text=text, attachments=html(markup) if markup else None)) == said


def test_a_table_and_emoji_of_html_are_heard() -> None:
    emoji = '<span title="Smile"><img alt="🙂" src="https://statics.example/x" itemtype="http://schema.skype.com/Emoji"></span>'
    markup = f"<table><tr><th>Name</th><th>Age</th></tr><tr><td>Ada</td><td>36</td></tr></table><p>mean {emoji}?</p>"
    assert words(recorded("personal", text=None, attachments=html(markup))) == "Name\tAge\nAda\t36\nmean 🙂?"


@pytest.mark.parametrize(
    "sender",
    [{"id": "28:another", "name": "Other Bot"}, {"id": "29:x", "role": "bot"}, {"id": "x", "role": "Skill"}],
    ids=["kind of id", "role", "skill"],
)
@pytest.mark.parametrize("shape", ["personal", "group"])
def test_another_bot_is_not_answered_for_the_two_might_go_on_for_ever(shape: str, sender: dict[str, str]) -> None:
    activity = mentioning(f"{TAG} hi", (BOT, "Test Bot", TAG)) if shape == "group" else recorded(shape)
    assert read({**activity, "from": sender}) is None


def test_a_message_of_only_a_mention_has_no_words() -> None:
    assert words(mentioning("<at>Bot</at>", (BOT, "Bot", "<at>Bot</at>"))) == ""


@pytest.mark.parametrize("shape", ["group", "channel"])
def test_words_in_a_shared_place_that_do_not_mention_the_bot_are_not_for_it(shape: str) -> None:
    ann = {"type": "mention", "mentioned": {"id": "29:ann", "name": "Ann"}, "text": "<at>Ann</at>"}

    assert read(recorded(shape, text="<at>Ann</at> hi", entities=[ann])) is None
    assert read(recorded(shape, text="<at>Test Bot</at> without an entity", entities=[])) is None


def test_a_personal_message_needs_no_mention() -> None:
    assert words(recorded("personal", entities=None)) == "hello"


def test_an_unknown_kind_of_conversation_counts_as_shared() -> None:
    assert read(recorded("personal", conversation={"id": "c", "conversationType": "hologram"})) is None


@pytest.mark.parametrize(
    "entity",
    [
        None,
        {"type": "mention"},
        {"type": "mention", "text": 5, "mentioned": {"id": BOT}},
        {"type": "mention", "text": "<at>Bot</at>", "mentioned": "Bot"},
        {"type": "mention", "text": "", "mentioned": {"id": BOT}},
        {"type": "mention", "text": "<at>Bot</at>", "mentioned": {"id": ["x"]}},
        {"type": "quotedReply", "quotedReply": {"messageId": 5}},
        {"type": "quotedReply"},
    ],
)
def test_a_malformed_entity_changes_nothing(entity: object) -> None:
    assert words(recorded("personal", text="<at>Bot</at> hi", entities=[entity])) == "<at>Bot</at> hi"


def test_the_tenant_is_found_in_either_place() -> None:
    conversation = {"id": "c", "conversationType": "personal", "tenantId": "of the conversation"}
    assert tenant(recorded("personal", channelData=None, conversation=conversation)) == "of the conversation"
    assert tenant(recorded("personal", channelData={"tenant": {"id": "t"}}, conversation={"id": "c"})) == "t"
    both = {"id": "c", "tenantId": "T"}
    assert tenant(recorded("personal", channelData={"tenant": {"id": "t"}}, conversation=both)) == "t"


def test_tenants_that_differ_are_refused() -> None:
    conversation = {"id": "c", "conversationType": "personal", "tenantId": "of the guest"}
    with pytest.raises(RequestRefusedError) as refused:
        read(recorded("personal", channelData={"tenant": {"id": "t"}}, conversation=conversation))
    assert (refused.value.status, refused.value.code) == (403, "TenantMismatch")


def html(content: object) -> list[dict[str, object]]:
    return [{"contentType": "text/html", "content": content}]


def test_words_that_come_as_html_alone_are_heard() -> None:
    """F13."""
    markup = "<div><p>Use x &lt; 5</p><p>and&nbsp;<b>plot</b><br/>it</p></div><style>p{}</style>"
    assert words(recorded("personal", text=None, attachments=html(markup))) == "Use x < 5\nand plot\nit"


def test_the_mention_is_taken_out_of_html_too() -> None:
    activity = mentioning("", (BOT, "R&D Bot", "<at>R&D Bot</at>"))
    activity["attachments"] = html('<p><at id="0">R&amp;D Bot</at> hi</p>')
    assert words(activity) == "hi"


def test_a_mention_is_taken_out_where_the_text_alone_is_escaped() -> None:
    """F16."""
    assert words(mentioning("<at>R&amp;D Bot</at> hi", (BOT, "R&D Bot", "<at>R&D Bot</at>"))) == "hi"


def test_a_mention_without_a_text_of_its_own_is_a_mention() -> None:
    """F16."""
    activity = recorded("group", text="hi", entities=[{"type": "mention", "mentioned": {"id": BOT}}])
    assert words(activity) == "hi"


_REPLY = (
    '<blockquote itemscope itemtype="http://schema.skype.com/Reply" itemid="1"><strong>Ada</strong>'
    "<p>The mean is 5</p></blockquote><p>and why?</p>"
)


@pytest.mark.parametrize("text", ["and why?", None])
def test_a_quoted_message_in_html_is_heard_with_the_reply(text: str | None) -> None:
    """F13."""
    said = words(recorded("personal", text=text, attachments=html(_REPLY)))
    assert said == "> Ada\n> The mean is 5\n\nand why?"


def test_the_preview_of_a_quoted_message_is_heard_with_the_reply_and_only_once() -> None:
    """F13."""
    quote = {"messageId": "1", "preview": "The mean is 5", "senderName": "Ada"}
    entities = [{"type": "quotedReply", "quotedReply": quote}]
    activity = recorded("personal", text='<quoted messageId="1"/> and why?', entities=entities)
    assert words({**activity, "attachments": html(_REPLY)}) == "> Ada: The mean is 5\n\nand why?"


def referring(kind: str, content: object, **changes: Any) -> dict[str, Any]:
    given = content if isinstance(content, str) else json.dumps(content)
    return recorded("personal", **{"attachments": [{"contentType": kind, "content": given}], **changes})


ADA = {"application": None, "device": None, "user": {"id": "3333", "displayName": "Ada"}}
QUOTED = {"messageId": "1", "messagePreview": "The mean is 5", "messageSender": ADA}
FORWARDED = {"originalMessageId": "1", "originalMessageContent": "<p>Plot<br>x^2</p>", "originalMessageSender": ADA}


def test_a_message_that_an_attachment_quotes_is_heard_with_the_reply() -> None:
    assert words(referring("messageReference", QUOTED, text="and why?")) == "> Ada: The mean is 5\n\nand why?"


@pytest.mark.parametrize("cut", ["The mean", "The mean is 5 and"])
def test_a_quote_that_teams_tells_of_twice_is_heard_once_in_its_longer_form(cut: str) -> None:
    entities = [{"type": "quotedReply", "quotedReply": {"messageId": "1", "preview": cut, "senderName": "Ada"}}]
    longer = max(cut, "The mean is 5", key=len)
    said = referring("messageReference", QUOTED, text='<quoted messageId="1"/> and why?', entities=entities)
    assert words(said) == f"> Ada: {longer}\n\nand why?"


@pytest.mark.parametrize(("text", "said"), [("do this", "> Ada: Plot\n> x^2\n\ndo this"), ("", "> Ada: Plot\n> x^2")])
def test_a_message_that_is_forwarded_is_heard_also_where_nothing_is_said_to_it(text: str, said: str) -> None:
    assert words(referring("forwardedMessageReference", FORWARDED, text=text)) == said


def test_a_quote_without_a_word_asks_nothing_and_no_malformed_reference_is_heard() -> None:
    assert words(referring("messageReference", QUOTED, text="")) == ""
    for content in ("", "{", "[1]", "null", "[" * 100_000, {"messagePreview": 5}, {"originalMessageContent": None}):
        for kind in ("messageReference", "forwardedMessageReference"):
            assert words(referring(kind, content, text="hi")) == "hi"


@pytest.mark.parametrize("command", ["/new", "/hlep"])
def test_a_command_under_a_quote_is_a_command_though_it_is_mistyped(command: str) -> None:
    assert words(recorded("personal", text=command, attachments=html(_REPLY.replace("and why?", command)))) == command


@pytest.mark.parametrize(
    "markup", ["<" * 200_000, "<a " * 70_000, "<!--" * 50_000, "<blockquote>" * 20_000, "&" * 200_000, "<at>" * 50_000]
)
def test_hostile_html_does_not_keep_the_bot_busy(markup: str) -> None:
    """S5."""
    before = time.process_time()
    read(recorded("personal", text=None, attachments=html(markup)))
    assert time.process_time() - before < 0.25


@pytest.mark.parametrize("data", [{"tenant": "t"}, {"tenant": {"id": 5}}, {"tenant": None}, {}])
def test_a_malformed_tenant_is_none(data: dict[str, object]) -> None:
    assert tenant(recorded("personal", channelData=data, conversation={"id": "c"})) == ""


def tenant(activity: dict[str, Any]) -> str:
    message = read(activity)
    assert message is not None
    return message.key.tenant


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"id": None}, "id"),
        ({"channelId": None}, "channelId"),
        ({"serviceUrl": None}, "serviceUrl"),
        ({"conversation": None}, "conversation.id"),
        ({"conversation": {}}, "conversation.id"),
        ({"from": None}, "from.id"),
        ({"recipient": {"name": "Bot"}}, "recipient.id"),
        ({"id": "x" * 2001}, "id"),
    ],
)
def test_a_message_that_cannot_be_answered_says_which_field_is_to_blame(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(UnreadableMessageError, match=f"`{field}`"):
        read(recorded("personal", **changes))


def test_a_very_long_message_is_passed_on_whole() -> None:
    assert len(words(recorded("personal", text="x " * 200_000)) or "") == 399_999


def test_thousands_of_mentions_do_not_keep_the_bot_busy() -> None:
    before = time.process_time()

    assert words(mentioning("<at " * 100_000 + "MAIN", *[(BOT, "AI", "<at>AI</at>")] * 4000)) is not None
    assert time.process_time() - before < 2.0


def test_the_bot_is_heard_though_it_is_mentioned_after_very_many_others() -> None:
    others = [(f"29:{number}", f"P{number}", f"<at>P{number}</at>") for number in range(200)]
    text = "".join(f"{tag} " for _, _, tag in others) + "<at>Bot</at> hi"
    activity = mentioning(text, *others, (BOT, "Bot", "<at>Bot</at>"))
    said = words({**activity, "conversation": recorded("group")["conversation"]})
    assert said is not None
    assert said.startswith("P0 P1 P2 ")
    assert said.endswith(" hi")


@pytest.mark.parametrize(
    "entity",
    [{}, {"text": "<at>another name</at>"}, {"text": f"<at>{'x' * 5_000}</at>"}],
    ids=["none", "other", "long"],
)
def test_where_a_mention_is_not_the_text_of_its_entity_the_tag_of_the_bots_name_goes(entity: dict[str, str]) -> None:
    mention = {"type": "mention", "mentioned": {"id": BOT, "name": "Bot"}, **entity}
    recipient = {"id": BOT, "name": "R&D Bot"}
    for tag in ("<at>R&D Bot</at>", '<at id="0">R&amp;D Bot</at>'):
        activity = recorded("group", text=f"{tag} /help", entities=[mention], recipient=recipient)
        assert words(activity) == "/help"


def test_a_card_button_or_a_lone_attachment_is_a_message_without_words() -> None:
    assert words(recorded("card_submit")) == ""


def asked_again(shape: str, question: object = "plot x^2", **changes: Any) -> dict[str, Any]:
    value = {"teamsbot": "retry", "turn": "T-7F3K", "question": question}
    return recorded(shape, **{"text": None, "entities": None, "value": value, **changes})


@pytest.mark.parametrize("shape", ["card_submit", "group", "channel"])
def test_the_button_of_an_apology_asks_the_question_once_more_in_the_name_of_the_person_who_pressed_it(
    shape: str,
) -> None:
    message = read(asked_again(shape))

    assert message is not None
    assert message.text == "plot x^2"
    assert message.reference.user.id == recorded(shape)["from"]["id"]


@pytest.mark.parametrize(
    "changes",
    [
        {"question": {"x": 1}},
        {"question": None},
        {"value": {"teamsbot": "drop", "question": "x"}},
        {"value": "retry"},
        {"value": ["teamsbot", "retry"]},
    ],
)
def test_a_made_up_button_is_a_message_without_words(changes: dict[str, Any]) -> None:
    assert words(asked_again("card_submit", **changes)) == ""
    assert words(asked_again("group", **changes)) is None


def test_words_count_more_than_a_value_beside_them() -> None:
    assert words(asked_again("personal", text="hello")) == "hello"


def test_the_directory_id_of_a_person_is_kept() -> None:
    message = read(recorded("personal"))
    assert message is not None
    assert message.reference.user.directory_id == "00000000-0000-0000-0000-0000000000020"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Smith, John [EXT]", "<at>Smith, John [EXT]</at>"),
        ("Grüße & Söhne", "<at>Grüße &amp; Söhne</at>"),
        ("[Open](https://evil.example)", "<at>[Open] (https://evil.example)</at>"),
        ("</at><at>Everyone", "<at>&lt;/at&gt;&lt;at&gt;Everyone</at>"),
        ("Ada\u202e\n\x00 Lovelace", "<at>Ada Lovelace</at>"),
    ],
)
def test_a_name_in_a_mention_neither_links_nor_turns_the_words_after_it_around(name: str, text: str) -> None:
    mention = mention_of(Party(id="29:x", name=name))
    assert mention == {"type": "mention", "text": text, "mentioned": {"id": "29:x", "name": name}}


def test_a_person_whose_name_cannot_be_seen_is_not_mentioned() -> None:
    assert mention_of(Party(id="29:x", name="\u202e\u200b")) is None


def test_of_an_endless_name_only_the_beginning_is_kept() -> None:
    message = read(recorded("personal", **{"from": {"id": "29:x", "name": "N" * 60_000}}))
    assert message is not None
    assert message.reference.user.name == "N" * 256
