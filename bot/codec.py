"""How the ledger's contents are written, and how everything that an earlier version wrote is read.

What is on disk outlives the code that wrote it, so it holds tags from this file and never names of Python classes.
Three writers are known: version 0.1.0 (no `version` field), the first weeks of 0.2.0 (messages with a `kind` and a
`state`), and this one. Add a tag where a new thing is stored; change none.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, astuple, fields, replace
from typing import Any, Final
from urllib.parse import unquote

from bot.attachments import Attachment
from bot.conversation import (
    ActivityId,
    CardPressed,
    Command,
    ConversationKey,
    ConversationReference,
    FileConsent,
    Incoming,
    IncomingMessage,
    Installed,
    Overheard,
    Party,
    Question,
    Scope,
    TurnState,
    pressed,
    typed,
)
from bot.errors import UnreadableMessageError
from bot.history import PastTurn
from bot.parts import (
    ApologyPart,
    Chart,
    ChartKind,
    ChartSeries,
    Choice,
    ChoicePart,
    Details,
    FilesPart,
    Marks,
    Part,
    PicturePart,
    Reply,
    SavedFilePart,
    Source,
    StoredFile,
    Table,
    TablePart,
    TextPart,
    WelcomePart,
)
from bot.run import CodeCell
from bot.turn_record import ANSWERED, DELETED, REJECTED, UNDELIVERABLE, Outcome, StepKey, StepKind, TurnCode, Usage

VERSION: Final = 2
"""Of messages and replies. A reader refuses a higher one."""

_MESSAGE_KINDS: Final[dict[type[IncomingMessage], str]] = {
    Question: "question",
    CardPressed: "card pressed",
    Command: "command",
    Installed: "installed",
    FileConsent: "file consent",
}
_PART_KINDS: Final[dict[type[Part], str]] = {
    TextPart: "text",
    TablePart: "table",
    PicturePart: "picture",
    FilesPart: "files",
    SavedFilePart: "saved file",
    ApologyPart: "error",
    WelcomePart: "welcome",
    ChoicePart: "choice",
}

# The first version of the program had one field, "standing", for the kind of a message and the state of its turn.
_OLD_STATES: Final = {
    "asked": TurnState.WAITING,
    "installed": TurnState.WAITING,
    "declined": TurnState.REJECTED,
    "withdrawn": TurnState.DELETED,
}
_OLD_PART_KINDS: Final = {
    "TextPart": "text",
    "PicturePart": "picture",
    "FilesPart": "files",
    "ApologyPart": "error",
    "WelcomePart": "welcome",
}
_OLD_OUTCOMES: Final = {"declined": REJECTED, "withdrawn": DELETED, "unheard": UNDELIVERABLE}
_OLD_FAILURE: Final = "apologised:"  # and the name of the error's class
_OLD_FAILURES: Final = {
    "AssistantError": "assistant",
    "AssistantRefusedError": "assistant_refused",
    "AssistantUnavailableError": "assistant_unavailable",
    "AttachmentError": "attachment",
    "ChannelError": "channel",
    "ConversationGoneError": "conversation_gone",
    "DeliveryError": "delivery",
    "RunEndedBadlyError": "run_failed",
    "RunTooSlowError": "run_too_slow",
    "StorageError": "storage",
    "StorageInUseError": "storage_in_use",
    "ThreadBusyError": "thread_busy",
    "ThreadGoneError": "thread_gone",
    "UnreadableMessageError": "unreadable_message",
}
_OLD_ADDRESS: Final = re.compile(r"/files/([A-Za-z0-9_-]{32})/([^/]*)$")
_OLD_STEPS: Final = (
    (re.compile(r"reply"), StepKind.REPLY, 0),
    (re.compile(r"run in (?P<reference>.*)", re.DOTALL), StepKind.RUN, 0),
    (re.compile(r"second run in (?P<reference>.*)", re.DOTALL), StepKind.RUN, 1),
    (re.compile(r"files in (?P<reference>.*)", re.DOTALL), StepKind.FILES, 0),
    (re.compile(r"file (?P<index>[0-9]{1,9})"), StepKind.FILE, 0),
    (re.compile(r"part (?P<index>[0-9]{1,9})"), StepKind.PART, 0),
    (re.compile(r"give up (?P<index>[0-9]{1,9})"), StepKind.GIVE_UP, 0),
)


def step_to_text(key: StepKey) -> str:
    """The name of a step in the ledger: `kind/index`, or `kind/index/reference`."""
    name = f"{key.kind}/{key.index}"
    return f"{name}/{key.reference}" if key.reference else name


def step_from_text(name: str) -> StepKey | None:
    """The step of this name; None for one that this version does not know, and so will not ask for."""
    kind, _, rest = name.partition("/")
    index, _, reference = rest.partition("/")
    if kind in set(StepKind) and index.isdecimal() and index.isascii():
        return StepKey(StepKind(kind), int(index), reference)
    for pattern, old_kind, old_index in _OLD_STEPS:
        if match := pattern.fullmatch(name):
            found = match.groupdict()
            return StepKey(old_kind, int(found.get("index", old_index)), found.get("reference", ""))
    return None


def results_from_json(steps: Mapping[str, str]) -> dict[StepKey, Any]:
    """The results of a turn's steps, without those that this version does not know.

    Raises UnreadableMessageError for one that is no JSON, as after a damage.
    """
    known = ((step_from_text(name), result) for name, result in steps.items())
    try:
        return {key: json.loads(result) for key, result in known if key is not None}
    except ValueError as error:
        raise UnreadableMessageError("the result of a step cannot be read") from error


def current_step_name(name: str) -> str:
    """The name that this version gives a step that any version recorded; one that it does not know keeps its own."""
    key = step_from_text(name)
    return name if key is None else step_to_text(key)


def outcome_from_text(text: str) -> Outcome:
    """An outcome as any version wrote it; a word that this version does not know is kept as it is."""
    if text.startswith(_OLD_FAILURE):
        return Outcome(f"failed:{_OLD_FAILURES.get(text.removeprefix(_OLD_FAILURE), 'internal')}")
    return _OLD_OUTCOMES.get(text, Outcome(text))


def reply_to_json(reply: Reply) -> dict[str, object]:
    """A reply as the result of its step."""
    parts = [{"kind": _PART_KINDS[type(part)], **asdict(part)} for part in reply.parts]
    usage = {} if reply.usage is None else {"usage": asdict(reply.usage)}
    return {"version": VERSION, "outcome": reply.outcome, "parts": parts, **usage}


def reply_from_json(record: Any) -> Reply:
    """The reply that `reply_to_json` of any version wrote; the first one wrote the parts alone.

    Raises ValueError for one of a newer version.
    """
    match record:
        case {"outcome": str(outcome), "parts": list(rows)} if record.get("version", 1) <= VERSION:
            usage = Usage.from_json(record.get("usage"))
            return Reply(parts=_parts(rows), outcome=outcome_from_text(outcome), usage=usage)
        case list(rows):
            return Reply(parts=_parts(rows), outcome=ANSWERED)
        case _:
            raise ValueError("a reply of this shape is not known to this version")


def _parts(rows: Sequence[dict[str, Any]]) -> tuple[Part, ...]:
    return tuple(_part(row) for row in rows)


def _part(row: dict[str, Any]) -> Part:  # noqa: C901, PLR0911 - one case for each kind
    match _OLD_PART_KINDS.get(row["kind"], row["kind"]):
        case "text":
            return TextPart(
                text=row["text"],
                to_asker=row.get("to_asker", False),
                marks=_marks(row.get("marks")),
                code=_code(row.get("code", ())),
            )
        case "table":
            return TablePart(
                table=_table(row["table"]), as_block=row.get("as_block", False), marks=_marks(row.get("marks"))
            )
        case "picture":
            return PicturePart(
                file=_file(row.get("file", row)),
                alt_text=row["alt_text"],
                chart=_chart(row.get("chart")),
                details=_details(row.get("details")),
                marks=_marks(row.get("marks")),
            )
        case "files":
            files = tuple(map(_file, row.get("files") or row["links"]))
            return FilesPart(
                files=files,
                as_links=row.get("as_links", False),
                marks=_marks(row.get("marks")),
                can_be_deleted=row.get("can_be_deleted", False),
            )
        case "saved file":
            return SavedFilePart(**{name: row[name] for name in ("name", "url", "unique_id", "file_type")})
        case "error":
            return ApologyPart(
                text=row["text"],
                code=TurnCode(row["code"]),
                question=row["question"],
                to_asker=row.get("to_asker", False),
            )
        case "welcome":
            return WelcomePart(text=row["text"], starters=tuple(row["starters"]))
        case "choice":
            return ChoicePart(text=row["text"], choices=tuple(Choice(**choice) for choice in row["choices"]))
        case kind:
            raise ValueError(f"a reply part of kind {kind!r} is not known to this version")


def _marks(row: dict[str, Any] | None) -> Marks | None:
    if row is None:
        return None
    sources = tuple(Source(**source) for source in row["sources"])
    return Marks(**{**row, "sources": sources, "follow_ups": tuple(row["follow_ups"])})


def _chart(row: dict[str, Any] | None) -> Chart | None:
    if row is None:
        return None
    series = tuple(
        ChartSeries(name=each["name"], points=tuple((place, height) for place, height in each["points"]))
        for each in row["series"]
    )
    return Chart(kind=ChartKind(row["kind"]), across=row["across"], series=series)


def _table(row: dict[str, Any]) -> Table:
    return Table(
        header=tuple(row["header"]), rows=tuple(map(tuple, row["rows"])), sides=tuple(row["sides"]), block=row["block"]
    )


def _details(row: dict[str, Any] | None) -> Details | None:
    if row is None:
        return None
    return Details(
        explanation=row["explanation"],
        code=_code(row["code"]),
        data=_file(row["data"]) if row["data"] is not None else None,
    )


def _code(rows: Sequence[dict[str, Any]]) -> tuple[CodeCell, ...]:
    return tuple(CodeCell(**row) for row in rows)


def _file(row: dict[str, Any]) -> StoredFile:
    if "token" in row:
        is_given, link = row.get("is_given", False), row.get("link", "")
        return StoredFile(
            token=row["token"], name=row["name"], size_bytes=row["size_bytes"], is_given=is_given, link=link
        )
    # Version 0.1.0 kept the address, which is .../files/<token>/<name>, or a path on this disk for a terminal.
    address = _OLD_ADDRESS.search(row["url"])
    token, name = address.groups() if address else (row["url"], row["url"].rpartition("/")[2])
    return StoredFile(token=token, name=row.get("name", unquote(name)), size_bytes=row.get("size_bytes", 0))


def past_to_json(turn: PastTurn) -> str:
    """What is kept of a turn for a thread that is opened later."""
    return json.dumps(
        {
            "version": 1,
            "question": turn.question,
            "answer": turn.answer,
            "given": list(turn.given),
            "made": list(turn.made),
            "assistant": turn.assistant,
        },
        ensure_ascii=False,
    )


def past_from_json(text: str) -> PastTurn | None:
    """The turn that `past_to_json` wrote; None for one of a shape that this version does not know."""
    try:
        row = json.loads(text)
        return PastTurn(
            question=row["question"],
            answer=row["answer"],
            given=tuple(row["given"]),
            made=tuple(row["made"]),
            assistant=row.get("assistant", ""),
        )
    except (ValueError, LookupError, TypeError, AttributeError):
        return None


def call_to_json(function: str, output: str | None = None) -> dict[str, object]:
    """A call of a function as the result of its step: started, and with an output done."""
    return {"function": function, "state": "begun"} if output is None else {"function": function, "output": output}


def call_from_json(record: Any) -> tuple[str, str | None]:
    """The name of the function and its output; None where the call was only started."""
    return record["function"], record.get("output")


def message_to_json(message: Incoming, state: TurnState = TurnState.WAITING) -> str:
    """A message and the state of its turn, as the ledger keeps them until the turn is done."""
    reference, key = message.reference, message.key
    return json.dumps(
        {
            "version": VERSION,
            "id": message.id,
            "kind": _MESSAGE_KINDS[type(message)],
            "state": state,
            "content": message.text,
            "attachments": [asdict(attachment) for attachment in message.attachments],
            "service_url": reference.service_url,
            "scope": reference.scope,
            "channel": key.channel,
            "tenant": key.tenant,
            "conversation": key.conversation,
            "private_to": key.private_to,
            "context": [list(astuple(said)) for said in message.context] if isinstance(message, Question) else [],
            **({"consent": _consent_to_json(message)} if isinstance(message, FileConsent) else {}),
            "locale": reference.locale,
            "reply_to": reference.reply_to,
            "bot": list(astuple(reference.bot)),
            "user": list(astuple(reference.user)),
        }
    )


def message_from_json(text: str) -> tuple[Incoming, TurnState]:
    """The message that `message_to_json` of any version wrote.

    Raises UnreadableMessageError if a newer version wrote it, in a way that this one does not know.
    """
    try:
        return _message(json.loads(text))
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise UnreadableMessageError(f"a stored message cannot be read: {type(error).__name__}") from error


def _message(row: dict[str, Any]) -> tuple[Incoming, TurnState]:
    if row.get("version", 1) > VERSION:
        raise ValueError("a message of a newer version")
    message_id = ActivityId(row["id"])
    standing = row.get("standing", "asked")
    kind = row.get("kind") or ("installed" if standing == "installed" else "question")
    state = TurnState(row["state"]) if "state" in row else _OLD_STATES[standing]
    # Each version that learned more of a party wrote it behind what was known before.
    names = [field.name for field in fields(Party)]
    bot, user = (Party(**dict(zip(names, row[who], strict=False))) for who in ("bot", "user"))
    reference = ConversationReference(
        service_url=row["service_url"],
        key=ConversationKey(
            channel=row["channel"],
            tenant=row["tenant"],
            conversation=row["conversation"],
            private_to=row.get("private_to", ""),
        ),
        scope=Scope(row["scope"]),
        bot=bot,
        user=user,
        locale=row.get("locale", ""),
        reply_to=None if kind == "installed" else row.get("reply_to", message_id),
    )
    content = row["text"] if "kind" not in row else row["content"]
    attachments = tuple(Attachment(**attachment) for attachment in row.get("attachments", []))
    match kind:
        case "installed":
            return Installed(id=message_id, reference=reference), state
        case "card pressed":
            return pressed(content, id=message_id, reference=reference), state
        case "question" | "command":
            said = typed(content, id=message_id, reference=reference, attachments=attachments)
            if isinstance(said, Question) and row.get("context"):
                heard = (Overheard(id=id_, speaker=speaker, text=words) for id_, speaker, words in row["context"])
                said = replace(said, context=tuple(heard))
            return said, state
        case "file consent":
            return FileConsent(id=message_id, reference=reference, **row["consent"]), state
        case _:
            raise ValueError(f"a message of kind {kind!r}")


def _consent_to_json(consent: FileConsent) -> dict[str, object]:
    own = {field.name for field in fields(FileConsent)} - {field.name for field in fields(IncomingMessage)}
    return {name: getattr(consent, name) for name in sorted(own)}
