"""Ledgers as commit 66b5bee wrote them: its tables, its payloads and its steps, all literal.

Nothing here comes from the code of today, so what today's code reads is what was on people's disks.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field

SQLITE_VERSION = 3
SQLITE_TABLES = """
CREATE TABLE turns (
    number INTEGER PRIMARY KEY AUTOINCREMENT, conversation TEXT NOT NULL, message_id TEXT NOT NULL,
    payload TEXT NOT NULL, tries INTEGER NOT NULL DEFAULT 0, accepted_at REAL NOT NULL, done_at REAL,
    UNIQUE (conversation, message_id)
);
CREATE INDEX unfinished_turns ON turns (number) WHERE done_at IS NULL;
CREATE INDEX done_turns ON turns (done_at) WHERE done_at IS NOT NULL;
CREATE TABLE steps (
    turn INTEGER NOT NULL, name TEXT NOT NULL, result TEXT NOT NULL, PRIMARY KEY (turn, name)
) WITHOUT ROWID;
CREATE TABLE threads (
    conversation TEXT NOT NULL, backend TEXT NOT NULL, thread TEXT NOT NULL, PRIMARY KEY (conversation, backend)
) WITHOUT ROWID;
CREATE TABLE commits (number INTEGER NOT NULL);
INSERT INTO commits VALUES (0);
ALTER TABLE turns ADD COLUMN begun_at REAL;
ALTER TABLE turns ADD COLUMN outcome TEXT;
ALTER TABLE steps ADD COLUMN done_at REAL;
PRAGMA user_version = 3;
"""

POSTGRES_TABLES = """
CREATE SCHEMA IF NOT EXISTS teamsbot;
SET search_path TO teamsbot;
CREATE TABLE schema_version (number integer NOT NULL);
INSERT INTO schema_version VALUES (1);
CREATE SEQUENCE turn_numbers;
CREATE TABLE messages (
    number bigint PRIMARY KEY, conversation text NOT NULL, message_id text NOT NULL,
    accepted_at timestamptz NOT NULL DEFAULT now(), tries integer NOT NULL DEFAULT 0, begun_at timestamptz,
    done_at timestamptz, outcome text, steps json NOT NULL DEFAULT '[]', UNIQUE (conversation, message_id)
) WITH (fillfactor = 80);
CREATE INDEX oldest_messages ON messages (accepted_at);
CREATE TABLE turns (
    number bigint PRIMARY KEY, conversation text NOT NULL, message_id text NOT NULL, payload text NOT NULL,
    tries integer NOT NULL DEFAULT 0, begun_at timestamptz
);
CREATE TABLE steps (
    turn bigint NOT NULL, name text NOT NULL, result text NOT NULL, done_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (turn, name)
);
CREATE TABLE threads (
    conversation text NOT NULL, backend text NOT NULL, thread text NOT NULL, PRIMARY KEY (conversation, backend)
);
SELECT setval('turn_numbers', 1000);
"""

CSV = {"name": "a.csv", "url": "at/a.csv", "content_type": "text/csv", "size_bytes": 4}


@dataclass(frozen=True, kw_only=True)
class OldTurn:
    """A turn that was left half done, in a conversation of its own, with the thread `thread_<name>`."""

    name: str  # of the message and of its conversation
    tries: int = 1
    text: str | None = None  # None: the name
    standing: str | None = "asked"  # None: as the very first version wrote it, without the later fields
    attachments: tuple[dict[str, object], ...] = ()
    steps: dict[str, str] = field(default_factory=dict)
    said: tuple[str, ...] | None = None  # what is still said, a line a part; None: "You said: <name>"
    outcome: str = "answered"

    @property
    def conversation(self) -> str:
        return f'["msteams", "t1", "{self.name}"]'

    @property
    def payload(self) -> str:
        text = self.name if self.text is None else self.text
        row: dict[str, object] = {
            "id": self.name,
            "text": text,
            "service_url": "http://localhost:1/_connector",
            "scope": "personal",
            "channel": "msteams",
            "tenant": "t1",
            "conversation": self.name,
            "bot": ["bot", "Bot"],
            "user": ["ada", "Ada"],
        }
        if self.standing is not None:
            row |= {"standing": self.standing, "attachments": self.attachments, "locale": "en-US"}
        return json.dumps(row)


ANSWERED_IN_PART = """{"outcome": "answered", "parts": [
{"kind": "TextPart", "text": "sent before"},
{"kind": "PicturePart", "url": "http://localhost/files/p", "alt_text": "a plot"},
{"kind": "FilesPart", "links": [{"name": "t.csv", "url": "http://localhost/files/t", "size_bytes": 4}]},
{"kind": "WelcomePart", "text": "hello", "starters": ["plot x"]}]}"""
FAILED = """{"outcome": "apologised:AssistantUnavailableError", "parts": [
{"kind": "ApologyPart", "text": "It cannot be reached.", "code": "T-0007", "question": "plot x"}]}"""
STOPPED = '{"outcome": "stopped", "parts": [{"kind": "TextPart", "text": "Stopped."}]}'

HALF_DONE = (
    OldTurn(name="waiting", tries=0),
    OldTurn(name="first version", tries=0, standing=None),
    OldTurn(name="begun"),
    OldTurn(name="run", steps={"run in thread_run": '"run_of_run"'}),
    OldTurn(
        name="second run",
        steps={"run in thread_second run": '"run_failed"', "second run in thread_second run": '"run_of_second run"'},
    ),
    OldTurn(name="run in doubt"),  # a run was started, and the process died before it was written down
    OldTurn(name="file", attachments=(CSV,), steps={"file 0": '["file_1", false]'}),
    OldTurn(
        name="files",
        text="",
        attachments=(CSV,),
        steps={"file 0": '["file_1", false]', "files in thread_files": "null"},
        said=("I have a.csv. What shall I do with it? You could ask, for example: *What is in it?*",),
    ),
    OldTurn(name="reply", steps={"reply": '[{"kind": "TextPart", "text": "y = 12"}]'}, said=("y = 12",)),
    OldTurn(
        name="part",
        steps={"reply": ANSWERED_IN_PART, "part 0": '"a1"'},
        said=("a plot: http://localhost/files/p", "t.csv: http://localhost/files/t, 4 bytes", "hello plot x"),
    ),
    OldTurn(
        name="apology",
        steps={"reply": FAILED},
        said=("It cannot be reached.\n\nCode T-0007. (plot x)",),
        outcome="failed:assistant_unavailable",
    ),
    OldTurn(
        name="stopped",
        steps={"run in thread_stopped": '"run_of_stopped"', "reply": STOPPED},
        said=("Stopped.",),
        outcome="stopped",
    ),
    OldTurn(name="let go of often", tries=7, steps={"let go of": "3"}),
    OldTurn(name="let go of once", tries=7, steps={"let go of": "1"}, said=("GIVEN UP",), outcome="given_up"),
    OldTurn(name="giving up", tries=7, steps={"give up 0": '"a1"'}, said=(), outcome="given_up"),
    OldTurn(name="declined", tries=0, text="", standing="declined", said=("NOT READ",), outcome="rejected"),
    OldTurn(name="withdrawn", tries=0, text="", standing="withdrawn", said=(), outcome="deleted"),
    OldTurn(name="installed", tries=0, text="", standing="installed", said=("WELCOME",), outcome="welcomed"),
    OldTurn(name="command", tries=0, text="/help", said=("HELP",)),
    OldTurn(name="unknown step", steps={"translate": '"something"', "remember": "null"}),
)

DONE = {
    "answered": "answered",
    "stopped": "stopped",
    "withdrawn": "deleted",
    "declined": "rejected",
    "welcomed": "welcomed",
    "unheard": "undeliverable",
    "given_up": "given_up",
    "apologised:RunEndedBadlyError": "failed:run_failed",
    "apologised:ZeroDivisionError": "failed:internal",
}
"""Outcomes of turns that were done, and as they are told today."""

DONE_STEPS = ("run in thread_done", "second run in thread_done", "let go of", "reply", "part 0")
