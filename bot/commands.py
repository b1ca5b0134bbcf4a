"""What the bot does for a command, without the assistant."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Final

from bot import sentences
from bot.belongings import Belonging, BelongingKind, newest_files
from bot.conversation import Command, CommandName, ConversationKey
from bot.dependencies import Dependencies
from bot.errors import AssistantError
from bot.forgetting import forget_conversation, receipt
from bot.language import _, ngettext, number
from bot.limits import usage_report
from bot.parts import Choice, ChoicePart, FilesPart, Part, TextPart, WelcomePart
from bot.profiles import Profile, same_name
from bot.run import FileRef
from bot.turn import STOP_HEARD, Turn
from bot.turn_record import StepKey, StepKind

log = logging.getLogger(__name__)

MAX_FILES_SHOWN: Final = 15
_MAX_NAME: Final = 64  # characters that are repeated of a name that is none
_FORGET_DEADLINE_S: Final = 5.0
_DELETE: Final = frozenset({"delete", "löschen", "verwijderen"})
_CHOSEN: Final = StepKey(StepKind.CHOSEN)


async def carry_out(turn: Turn, command: Command, deps: Dependencies) -> tuple[Part, ...]:  # noqa: PLR0911 - one case each
    """Do what the command says; what the person is told. Everything may be done again after a crash.

    Raises StorageError, AssistantError.
    """
    match command.name:
        case CommandName.HELP:
            several = (CommandName.ASSISTANT,) if deps.profiles.are_several else ()
            return (WelcomePart(text=_(sentences.HELP), starters=(*several, *sentences.COMMANDS_OFFERED)),)
        case CommandName.NEW:
            await _start_anew(turn, deps)
            return (TextPart(text=_(sentences.NEW_DONE)),)
        case CommandName.STOP:
            done = sentences.STOP_DONE if turn.heard(STOP_HEARD) is None else sentences.STOP_CUT
            return (TextPart(text=_(done)),)
        case CommandName.FILES:
            return await _files(turn, command, deps)
        case CommandName.ASSISTANT:
            return await _assistant(command, deps)
        case CommandName.USAGE:
            asker = command.reference
            report = await usage_report(asker, deps.usage, deps.limits, now_s=deps.now_s())
            return (TextPart(text=report),)
        case CommandName.FORGET:
            forgotten = await forget_conversation(
                command.key, deps.assistant, deps.writer.files, deps.conversations, deps.belongings
            )
            return (TextPart(text=receipt(forgotten, service_keeps=deps.service_keeps)),)


async def _start_anew(turn: Turn, deps: Dependencies) -> None:
    """Forget the conversation here in any case, and at the service if it can be reached soon."""
    thread = await deps.conversations.thread_of(turn.message.key)
    if thread is not None:
        try:
            async with asyncio.timeout(_FORGET_DEADLINE_S):
                gone = await deps.assistant.forget(thread)
            for belonging in await deps.belongings.of(turn.message.key):
                if belonging.ref in gone and belonging.kind in {BelongingKind.THREAD, BelongingKind.UPLOAD}:
                    await deps.belongings.remove(turn.message.key, belonging)
        except (AssistantError, TimeoutError) as error:
            why = str(error) or "no answer in time"
            log.warning("thread not deleted at the service", extra={"turn": turn.id, "why": why})
    await deps.conversations.forget(turn.message.key)


async def _assistant(command: Command, deps: Dependencies) -> tuple[Part, ...]:
    """The assistants to choose from; or, with a name, who answers from now on."""
    profiles, asker = deps.profiles, command.reference
    present = await present_assistant(command.key, deps)
    made = await _made_on_page(command.key, deps)
    if command.argument:
        return await _choose_assistant(command, deps, present, made)
    others = [each for each in profiles.open_to(asker) if each is not present]
    if not others and made is None:
        name = (present or profiles.default).name
        return (TextPart(text=_("{name} answers here. There is no other to choose.").format(name=name)),)
    return _offer(_("Who shall answer in this conversation?"), profiles.open_to(asker), present, made)


def _offer(text: str, choices: Sequence[Profile], present: Profile | None, made: str | None) -> tuple[Part, ...]:
    """Assistants to choose by a press; `made` is the one that was made on the chat page, present where no other is."""
    rows = [
        Choice(
            name=each.name,
            description=each.description,
            says=f"{CommandName.ASSISTANT} {each.name}",
            is_present=present is each,
        )
        for each in choices
    ]
    if made is not None:
        says = f"{CommandName.ASSISTANT} {made}"
        rows.insert(0, Choice(name=made, description="", says=says, is_present=present is None))
    return (ChoicePart(text=text, choices=tuple(rows)),) if rows else (TextPart(text=text),)


async def _choose_assistant(
    command: Command, deps: Dependencies, present: Profile | None, made: str | None
) -> tuple[Part, ...]:
    """Who answers from now on.

    The conversation goes on in a thread of its own: an assistant's files and instructions are not for the next one.
    """
    profiles, asker, key = deps.profiles, command.reference, command.key
    wanted = profiles.named(command.argument)
    if wanted is None and made is not None and same_name(command.argument) == same_name(made):
        if present is not None:
            await deps.conversations.choose_assistant(key, None)
        return (TextPart(text=await _answers_now(made, key, deps)),)
    if wanted is None:
        guesses = profiles.like(command.argument, asker)
        if guesses:
            sentence = _("There is no assistant called {name}. Did you mean this?")
        else:
            sentence, guesses = _("There is no assistant called {name}. These are the ones:"), profiles.open_to(asker)
        text = sentence.format(name=" ".join(command.argument.split())[:_MAX_NAME])
        return _offer(text, guesses, present, made)
    if not wanted.admits(asker):
        return (TextPart(text=not_for_you(wanted.name)),)
    if wanted is not present:
        await deps.conversations.choose_assistant(key, wanted.name)
    text = await _answers_now(wanted.name, key, deps)
    starters = tuple(Choice(name=each, description="", says=each) for each in wanted.questions)
    return (ChoicePart(text=text, choices=starters),) if starters else (TextPart(text=text),)


async def _answers_now(name: str, key: ConversationKey, deps: Dependencies) -> str:
    """After a crash all may be done again, so the sentence is the same for the one who answers already."""
    has_past = bool(await deps.past.past(key))
    sentence = _("{name} answers here now, and knows what we said last.") if has_past else _("{name} answers here now.")
    return sentence.format(name=name)


async def _made_on_page(key: ConversationKey, deps: Dependencies) -> str | None:
    """The name of the assistant that was made on the chat page and that this chat was started with, if there is one."""
    started_with = deps.started_with(key)
    if started_with is None or deps.profiles.named(started_with) is not None:
        return None
    return await deps.name_at_service(started_with)


async def present_assistant(key: ConversationKey, deps: Dependencies) -> Profile | None:
    """The assistant that answers in the conversation; None for one that was made and chosen on the chat page."""
    chosen = await deps.conversations.chosen_assistant(key)
    if chosen is not None:
        return deps.profiles.named(chosen) or deps.profiles.default
    started_with = deps.started_with(key)
    return deps.profiles.default if started_with is None else deps.profiles.named(started_with)


def not_for_you(name: str) -> str:
    """What a person reads who may not use an assistant."""
    sentence = _(
        "{name} is not open to you. /assistant shows those that you can choose; if you need this one, please ask the "
        "people who run this bot."
    )
    return sentence.format(name=name)


async def _files(turn: Turn, command: Command, deps: Dependencies) -> tuple[Part, ...]:
    """The list of the conversation's files, or what became of one that is to be deleted."""
    files = newest_files(await deps.belongings.of(command.key))
    verb, *rest = command.argument.split(maxsplit=1) or [""]
    if verb.lower() in _DELETE and rest:
        chosen = await _chosen(rest[0], files, turn)
        return (TextPart(text=await _deleted(chosen, command, deps)),)
    if not files:
        return (TextPart(text=_("There are no plots or files in this conversation yet.")),)
    heading = ngettext("This conversation has {count} file:", "This conversation has {count} files:", len(files))
    text = heading.format(count=number(len(files)))
    if len(files) > MAX_FILES_SHOWN:
        text = _("{text} The newest {count} are shown.").format(text=text, count=number(MAX_FILES_SHOWN))
    shown = tuple(file.as_file for file in files[:MAX_FILES_SHOWN])
    return (TextPart(text=text), FilesPart(files=shown, as_links=True, can_be_deleted=True))


async def _chosen(wanted: str, files: list[Belonging], turn: Turn) -> Belonging | None:
    """The file of this token or, said by a person, the one that `/files` shows under this name.

    Written down before anything is deleted: after a crash the same name may be another file's, or nobody's.
    """
    recorded = turn.recorded(_CHOSEN)
    if recorded is not None:
        return Belonging(kind=BelongingKind(recorded["kind"]), ref=recorded["ref"], name=recorded["name"])
    chosen = next((file for file in files if wanted == file.ref), None)
    chosen = chosen or next((file for file in files if wanted.casefold() == file.name.casefold()), None)
    if chosen is not None:
        await turn.record(_CHOSEN, {"kind": chosen.kind, "ref": chosen.ref, "name": chosen.name})
    return chosen


async def _deleted(chosen: Belonging | None, command: Command, deps: Dependencies) -> str:
    """Delete a file of the conversation, if it has it."""
    if chosen is None:
        return _("There is no such file in this conversation. /files lists those that there are.")
    if chosen.kind is BelongingKind.UPLOAD:
        await deps.assistant.delete_file(FileRef(chosen.ref))
        await deps.belongings.remove(command.key, chosen)
        return _("Deleted: {name}. The assistant no longer has it; the one who attached it still does.").format(
            name=chosen.name
        )
    await deps.writer.files.delete(chosen.ref)
    await deps.belongings.remove(command.key, chosen)
    return _("Deleted: {name}. Its link no longer works.").format(name=chosen.name)
