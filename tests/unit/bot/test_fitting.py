"""A reply is never silence: what a channel cannot show is told (F3)."""

from __future__ import annotations

from bot.conversation import ConversationReference
from bot.links import NO_LINKS, LinkRules
from bot.parts import TextPart
from bot.reply import NO_ANSWER, split_to_fit
from tests.support.fakes import FakeChannel


class ChannelThatDropsDefinitions(FakeChannel):
    def split(self, text: str, links: LinkRules = NO_LINKS, to: ConversationReference | None = None) -> tuple[str, ...]:
        return () if text.startswith("[") else (text,)


def test_an_answer_of_which_nothing_can_be_shown_is_told() -> None:
    channel = ChannelThatDropsDefinitions()
    assert list(split_to_fit([TextPart(text="[Answer]: 42")], channel)) == [TextPart(text=NO_ANSWER)]


def test_beside_a_part_that_is_shown_nothing_is_added() -> None:
    channel = ChannelThatDropsDefinitions()
    parts = [TextPart(text="[a]: b"), TextPart(text="Done.")]
    assert list(split_to_fit(parts, channel)) == [TextPart(text="Done.")]


def test_a_reply_without_parts_stays_one() -> None:
    assert list(split_to_fit([], ChannelThatDropsDefinitions())) == []
