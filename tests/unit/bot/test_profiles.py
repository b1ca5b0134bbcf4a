"""`/assistant`: who answers in a conversation, who may choose whom, and what a choice does to the thread."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.conversation import OWN_CHANNELS, Party, Question
from bot.dependencies import Dependencies
from bot.parts import ChoicePart, Part
from bot.profiles import Profile, Profiles
from bot.run import ToolCall, ToolCallId, ToolsWanted
from bot.turn_record import REFUSED, Outcome
from bot.turn_story import run_turn
from tests.support.fakes import COMPLETED, message
from tests.support.turn_fixtures import World, texts

KEY = message().key
ADA = "33333333-4444-5555-6666-777777777777"
MATH = Profile(name="Math Tutor")
STATISTICS = Profile(name="Statistics Tutor", description="Samples and tests", starters=("What is a p-value?",))
HR = Profile(name="HR", users=frozenset({ADA}), starters=())
ALL = Profiles(default=MATH, all=(MATH, STATISTICS, HR))


class Talk(World):
    """A conversation with several assistants."""

    profiles = ALL
    outcome = Outcome("")

    @property
    def deps(self) -> Dependencies:
        return replace(super().deps, profiles=self.profiles, past=self.conversations)

    async def say(self, text: str) -> list[Part]:
        before = len(self.channel.said)
        self.steps.clear()
        self.number += 1
        self.outcome = await run_turn(self.turn(text), self.deps)
        return self.channel.said[before:]

    @property
    def asked(self) -> list[str]:
        """The assistants that were asked, as questions name them."""
        return [ask.assistant for _, ask in self.assistant.asked]


async def test_the_assistants_are_listed_with_the_present_one_marked_and_the_closed_ones_left_out() -> None:
    [part] = await Talk().say("/assistant")
    assert isinstance(part, ChoicePart)
    assert [(choice.name, choice.is_present) for choice in part.choices] == [
        ("Math Tutor", True),
        ("Statistics Tutor", False),
    ]
    assert part.choices[1].description == "Samples and tests"
    assert part.choices[1].says == "/assistant Statistics Tutor"


async def test_a_choice_answers_in_a_new_thread_that_knows_what_was_said() -> None:
    talk = Talk()
    await talk.say("one")
    [part] = await talk.say("/assistant STATISTICS  tutor")
    assert isinstance(part, ChoicePart)
    assert part.text == "Statistics Tutor answers here now, and knows what we said last."
    assert [choice.says for choice in part.choices] == ["What is a p-value?"]
    assert texts(await talk.say("two")) == "You said: two"  # no word of another service
    await talk.say("three")
    assert talk.asked == ["", "Statistics Tutor", "Statistics Tutor"]
    first, second, third = talk.assistant.asked
    assert first[0] != second[0] == third[0]
    assert [turn.question for turn in second[1].past] == ["one"]
    assert third[1].past == ()


async def test_to_choose_the_one_that_answers_changes_nothing() -> None:
    talk = Talk()
    await talk.say("one")
    assert "Math Tutor answers here now" in str(await talk.say("/assistant Math Tutor"))
    await talk.say("two")
    assert len(talk.assistant.threads) == 1


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("statistcs tutor", "Statistics Tutor"), ("statistcs", "Statistics Tutor"), ("stat", "Statistics Tutor"),
     ("maths", "Math Tutor")],
)  # fmt: skip
async def test_a_name_that_is_spelt_almost_right_is_offered_to_press(typed: str, meant: str) -> None:
    [part] = await Talk().say(f"/assistant {typed}")
    assert isinstance(part, ChoicePart)
    assert "Did you mean" in part.text
    assert part.choices[0].name == meant


async def test_an_unknown_name_lists_those_there_are_and_repeats_little_of_it() -> None:
    [part] = await Talk().say(f"/assistant {'zyx ' * 500}")
    assert isinstance(part, ChoicePart)
    assert len(part.text) < 150
    assert len(part.choices) == 2


async def test_who_may_not_use_an_assistant_is_told_kindly_and_nothing_changes() -> None:
    talk = Talk()
    assert "HR is not open to you" in texts(await talk.say("/assistant hr"))
    assert talk.conversations.choices == {}
    talk.asker = Party(id="ada", directory_id=ADA.upper())
    assert "HR answers here now" in texts(await talk.say("/assistant hr"))


async def test_who_may_use_an_assistant_is_judged_again_when_a_turn_runs() -> None:
    talk = Talk()
    talk.asker = Party(id="ada", directory_id=ADA)
    await talk.say("/assistant hr")
    talk.asker = Party(id="bob", directory_id="somebody else")
    assert "HR is not open to you" in texts(await talk.say("What do I earn?"))
    assert talk.outcome == REFUSED
    assert talk.assistant.asked == []
    assert "Math Tutor answers here now" in str(await talk.say("/assistant math tutor"))


async def test_an_assistant_that_was_removed_is_told_once_and_the_default_goes_on() -> None:
    talk = Talk()
    await talk.say("/assistant statistics tutor")
    await talk.say("one")
    talk.profiles = Profiles(default=MATH, all=(MATH,))
    told = texts(await talk.say("two"))
    assert told.startswith("*Statistics Tutor is not available any more, so Math Tutor answers")
    assert texts(await talk.say("three")) == "You said: three"
    assert talk.asked == ["Statistics Tutor", "", ""]
    assert [turn.question for turn in talk.assistant.asked[1][1].past] == ["one"]
    talk.profiles = ALL
    assert talk.conversations.choices == {}


async def test_a_crash_after_a_removed_choice_was_ended_still_tells_it() -> None:
    talk = Talk()
    talk.conversations.choices[KEY] = "gone"
    talk.die_at = "run/0/thread_1"
    with pytest.raises(SystemError):
        await run_turn(talk.turn("one"), talk.deps)
    talk.die_at = ""
    await run_turn(talk.turn("one", attempts=1), talk.deps)
    assert "*gone is not available any more" in texts(talk.channel.said)
    assert len(talk.assistant.runs) == len(talk.assistant.threads) == 1


async def test_new_keeps_the_choice_and_forget_does_not() -> None:
    talk = Talk()
    await talk.say("/assistant statistics tutor")
    await talk.say("/new")
    assert talk.conversations.choices == {KEY: "Statistics Tutor"}
    await talk.say("/forget")
    assert talk.conversations.choices == {}


async def test_with_one_assistant_there_is_nothing_to_choose() -> None:
    talk = Talk()
    talk.profiles = Profiles(default=MATH, all=(MATH,))
    assert texts(await talk.say("/assistant")) == "Math Tutor answers here. There is no other to choose."


async def test_an_assistant_can_call_its_own_functions_alone() -> None:
    talk = Talk()
    talk.functions.outputs = {"mine": "yes", "theirs": "no"}
    only = Profile(name="A", functions=("mine",))
    talk.profiles = Profiles(default=only, all=(only,))
    calls = tuple(ToolCall(id=ToolCallId(name), name=name, arguments="{}") for name in ("mine", "theirs"))
    talk.assistant.ends = [ToolsWanted(calls=calls), COMPLETED]
    await talk.say("one")
    assert [name for name, _, _ in talk.functions.calls] == ["mine"]
    assert "The functions on offer are: mine." in talk.assistant.submitted[1].output


@pytest.mark.parametrize("channel", OWN_CHANNELS)
def test_people_at_this_machine_may_use_all(channel: str) -> None:
    asked = message()
    assert isinstance(asked, Question)
    reference = replace(asked.reference, key=replace(asked.reference.key, channel=channel))
    assert HR.admits(reference)
    assert not HR.admits(asked.reference)


def test_a_tenant_and_a_person_must_both_be_named() -> None:
    profile = replace(HR, tenants=frozenset({"t1"}))
    here = replace(message().reference, user=Party(id="ada", directory_id=ADA))
    assert profile.admits(here)
    assert not profile.admits(replace(here, key=replace(here.key, tenant="t2")))
    assert not replace(profile, users=frozenset({"x"})).admits(here)
