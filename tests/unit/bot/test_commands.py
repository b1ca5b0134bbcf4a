"""Commands that people type or press: what they do, and what the person reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.attachments import Attachment
from bot.belongings import Belonging, BelongingKind
from bot.conversation import Command, CommandName, Question
from bot.language import speaking
from bot.parts import ChoicePart, FilesPart, Part, WelcomePart
from bot.run import Answer, AnswerFile, AnswerImage, FileRef
from bot.turn_story import run_turn
from tests.support.fakes import PNG, message
from tests.support.turn_fixtures import World, texts

KEY = message().key


async def tell(world: World, text: str) -> list[Part]:
    before = len(world.channel.said)
    world.steps.clear()
    await run_turn(world.turn(text), world.deps)
    return world.channel.said[before:]


async def world_with_files() -> World:
    world = World()
    world.incoming.kept["there"] = b"1,2"
    world.assistant.files = {FileRef("plot"): PNG, FileRef("table"): b"a,b"}
    world.assistant.answer_with = lambda _: Answer(
        text="done",
        images=(AnswerImage(file=FileRef("plot")),),
        files=(AnswerFile(file=FileRef("table"), name="table.csv"),),
    )
    await run_turn(world.turn("draw", Attachment(name="given.csv", url="there")), world.deps)
    return world


@pytest.mark.parametrize(
    ("text", "name", "argument"),
    [
        (" /FILES ", CommandName.FILES, ""),
        ("/files delete My Plot.png", CommandName.FILES, "delete My Plot.png"),
        ("/Hilfe", CommandName.HELP, ""),
        ("help", CommandName.HELP, ""),
        ("Stop", CommandName.STOP, ""),
        ("/vergeten", CommandName.FORGET, ""),
    ],
)
def test_a_command_is_known_in_any_case_and_language(text: str, name: CommandName, argument: str) -> None:
    command = message(text)
    assert isinstance(command, Command)
    assert (command.name, command.argument) == (name, argument)


@pytest.mark.parametrize("text", ["/forget me not", "stop the clock at 5", "/unknown", "files", "/new plan", ""])
def test_what_is_no_command_is_a_question(text: str) -> None:
    assert isinstance(message(text), Question)


async def test_help_offers_commands_to_press() -> None:
    [card] = await tell(World(), "/help")
    assert isinstance(card, WelcomePart)
    assert all(name in card.text for name in CommandName)
    assert {"/new", "/files", "/forget"} <= set(card.starters)


async def test_the_assistant_that_a_chat_was_begun_with_is_the_present_one_and_can_be_chosen_again() -> None:
    world = World(names_at_service={"asst_made": "Rough Draft"})
    usual = world.deps.profiles.default.name
    [offered] = await tell(world, "/assistant")
    assert isinstance(offered, ChoicePart)
    assert [(each.name, each.is_present) for each in offered.choices] == [("Rough Draft", True), (usual, False)]

    await tell(world, f"/assistant {usual}")
    [offered] = await tell(world, "/assistant")
    assert isinstance(offered, ChoicePart)
    assert [(each.name, each.is_present) for each in offered.choices] == [("Rough Draft", False), (usual, True)]

    assert "Rough Draft answers here now" in texts(await tell(world, offered.choices[0].says.lower()))
    assert await world.deps.conversations.chosen_assistant(KEY) is None


async def test_files_lists_what_the_conversation_has_the_newest_first() -> None:
    world = await world_with_files()
    words, listed = await tell(world, "/files")
    assert texts([words]) == "This conversation has 3 files:"
    assert isinstance(listed, FilesPart)
    assert listed.can_be_deleted
    assert [file.name for file in listed.files] == ["table.csv", "plot-1.png", "given.csv"]


async def test_two_plots_of_one_name_are_told_apart_and_what_people_gave_is_listed_and_deleted_too() -> None:
    world = await world_with_files()
    key = message().key
    given = await world.assistant.upload("data.csv", Path(__file__))
    more = [
        Belonging(kind=BelongingKind.PICTURE, ref="other", name="plot-1.png", size_bytes=5),
        Belonging(
            kind=BelongingKind.UPLOAD, ref=given, name="data.csv", size_bytes=8, link="https://a.sharepoint.com/d"
        ),
    ]
    for each in more:
        await world.belongings.add(key, each)
    _, listed = await tell(world, "/files")
    assert isinstance(listed, FilesPart)
    shown = [(file.name, file.is_given, file.link) for file in listed.files]
    assert shown[:2] == [("data.csv", True, "https://a.sharepoint.com/d"), ("plot-1 (2).png", False, "")]
    assert "Deleted: plot-1 (2).png" in texts(await tell(world, "/files delete plot-1 (2).png"))
    assert "The assistant no longer has it" in texts(await tell(world, f"/files delete {given}"))
    assert given not in world.assistant.uploaded
    assert not {each.ref for each in more} & {each.ref for each in await world.belongings.of(key)}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("/fiels", "I do not know the command /fiels. Did you mean /files?"),
        ("/HLEP", "I do not know the command /HLEP. Did you mean /help?"),
        ("/dateein", "I do not know the command /dateein. Did you mean /dateien?"),
        ("/xyzzy", "I do not know the command /xyzzy. /help lists those that I know."),
        ("/new please", "Please send /new alone, without other words."),
        ("/plot sin(x)", "I do not know the command /plot. /help lists those that I know."),
        ("/ 3", ""),
        ("/3", ""),
        ("/usr/bin", ""),
        ("/etc/hosts please", ""),
        ("/notes.txt", ""),
        ("/usage?", ""),
        ("/foo is what?", ""),
        ("/help me with this equation", ""),
        ("3 /foo", ""),
        ("//foo", ""),
        ("/", ""),
    ],
)
async def test_an_unknown_command_is_answered_with_the_nearest_one_and_a_question_is_asked(
    text: str, said: str
) -> None:
    world = World()
    [answer] = await tell(world, text)
    assert texts([answer]) == (said or f"You said: {text}")
    assert len(world.assistant.asked) == (not said)


async def test_a_word_with_a_slash_beside_a_file_is_a_question() -> None:
    world = World()
    world.incoming.kept = {"at/a.csv": b"a"}
    assert "You said: /foo" in texts(await world.answer("/foo", Attachment(name="a.csv", url="at/a.csv")))


async def test_a_conversation_without_files_says_so() -> None:
    assert "no plots or files" in texts(await tell(World(), "/files"))


async def test_a_file_is_deleted_by_its_name_or_its_token_and_by_nobody_elses_token() -> None:
    world = await world_with_files()
    _, listed = await tell(world, "/files")
    assert isinstance(listed, FilesPart)
    assert "Deleted: table.csv" in texts(await tell(world, "/files delete TABLE.csv"))
    assert "Deleted: plot-1.png" in texts(await tell(world, f"/files delete {listed.files[1].token}"))
    assert world.files.kept == {}
    foreign = await world.files.put(message(conversation="other").key, "x", b"x")
    assert "no such file" in texts(await tell(world, f"/files delete {foreign.token}"))
    assert list(world.files.kept) == [foreign.token]


@pytest.mark.parametrize(
    "said", ["/files delete plot-1.png", "/dateien löschen plot-1.png", "/bestanden Verwijderen plot-1.png"]
)
async def test_a_crash_after_a_file_is_deleted_deletes_no_other_one_of_its_name(said: str) -> None:
    world = await world_with_files()
    later = await world.files.put(KEY, "plot-1.png", b"later")
    await world.belongings.add(KEY, Belonging(kind=BelongingKind.PICTURE, ref=later.token, name="plot-1.png"))
    world.steps.clear()
    world.die_at = "reply/0"
    with pytest.raises(SystemError):
        await run_turn(world.turn(said), world.deps)
    world.die_at = ""
    before = len(world.channel.said)
    await run_turn(world.turn(said, attempts=1), world.deps)
    assert "Deleted: plot-1.png" in texts(world.channel.said[before:])
    assert later.token in world.files.kept
    assert later.token in [each.ref for each in await world.belongings.of(KEY)]


async def test_forget_deletes_threads_files_plots_and_records_and_says_so() -> None:
    # S14: after "delete chat" plots, files, messages and the thread were still there
    world = await world_with_files()
    await tell(world, "/new")
    await tell(world, "again")
    foreign = await world.files.put(message(conversation="other").key, "x", b"x")
    world.belongings.ended_turns[KEY], world.belongings.opinions[KEY] = 12, 1
    receipt = texts(await tell(world, "/forget"))
    for line in (
        "2 threads",
        "1 file that you gave",
        "1 plot",
        "1 file that I made",
        "the records of 12 messages",
        "1 opinion",
    ):
        assert f"- {line}" in receipt
    assert "What stays" in receipt
    assert "provider" not in receipt
    assert world.assistant.gone == set(world.assistant.threads)
    assert (world.assistant.uploaded, list(world.files.kept)) == ({}, [foreign.token])
    assert world.belongings.kept[KEY] == []
    assert await world.conversations.thread_of(KEY) is None
    assert "nothing left to forget" in texts(await tell(world, "/forget"))


async def test_what_cannot_be_deleted_is_told_and_deleted_the_next_time() -> None:
    world = await world_with_files()
    world.assistant.cannot_delete = True
    assert "2 things could not be deleted" in texts(await tell(world, "/forget"))
    assert [each.kind for each in world.belongings.kept[KEY]] == [BelongingKind.UPLOAD, BelongingKind.THREAD]
    world.assistant.cannot_delete = False
    receipt = texts(await tell(world, "/forget"))
    assert "1 thread\n" in receipt
    assert "could not be deleted" not in receipt


async def test_a_receipt_is_in_the_persons_language() -> None:
    world = await world_with_files()
    with speaking("de-DE"):
        assert "1 Diagramm" in texts(await tell(world, "/vergessen"))


async def test_a_file_that_is_called_like_the_second_of_two_is_meant_by_its_name() -> None:
    world = World()
    for ref, name in (("first", "a.csv"), ("second", "a.csv"), ("own", "a (2).csv")):
        await world.belongings.add(KEY, Belonging(kind=BelongingKind.UPLOAD, ref=ref, name=name, size_bytes=1))
    world.assistant.uploaded = {FileRef(ref): (ref, b"") for ref in ("first", "second", "own")}
    said = await tell(world, "/files")
    assert isinstance(said[1], FilesPart)
    assert [file.name for file in said[1].files] == ["a (2).csv", "a (3).csv", "a.csv"]
    await tell(world, "/files delete a (2).csv")
    assert set(world.assistant.uploaded) == {"first", "second"}
    await tell(world, "/files delete a (2).csv")  # of two again, the second
    assert set(world.assistant.uploaded) == {"first"}
