"""Mentions and quotes: markup that Teams puts into a person's text, told apart by the activity's entities."""

from __future__ import annotations

import re
from dataclasses import dataclass

from botbuilder.schema import Activity


@dataclass(frozen=True, slots=True, kw_only=True)
class Mention:
    """Somebody mentioned, and the very substring of the text that does so."""

    id: str
    name: str
    text: str


def mentions_in(activity: Activity) -> list[Mention]:
    """The mentions of an activity in order; a malformed one is none."""
    entities = [entity for entity in activity.entities or [] if entity is not None and entity.type == "mention"]
    return [mention for entity in entities if (mention := _mention(entity.additional_properties)) is not None]


def _mention(fields: dict[str, object]) -> Mention | None:
    match fields:
        case {"text": str(text), "mentioned": {"id": str(id_), **account}} if text and id_:
            name = account.get("name")
            return Mention(id=id_, name=name if isinstance(name, str) else "", text=text)
        case _:
            return None


def text_without(text: str, mentions: list[Mention], *, bot: str) -> str:
    """The text with the bot's mentions gone and other people's as plain names; nothing else in it is touched.

    Each mention stands for one occurrence of its own text, so a bot named AI leaves MAIN alone
    (botbuilder's `remove_recipient_mention` does not).
    """
    for mention in mentions:
        if (span := _span(text, mention)) is not None:
            before, after = text[: span[0]], text[span[1] :]
            if mention.id != bot:
                text = before + (mention.name or _TAG.sub("", mention.text)) + after
            elif before.endswith(" ") and after.startswith(" "):
                text = before + after[1:]
            else:
                text = before + after
    return text


_TAG = re.compile(r"</?at[^<>]*>")


def _span(text: str, mention: Mention) -> tuple[int, int] | None:
    """Where the mention stands; some clients give the tag in the text an id that the entity's text lacks."""
    if (start := text.find(mention.text)) >= 0:
        return start, start + len(mention.text)
    found = re.search(rf"<at [^<>]*>{re.escape(_TAG.sub('', mention.text))}</at>", text)
    return found.span() if found else None
