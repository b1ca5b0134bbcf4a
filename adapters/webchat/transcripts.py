"""What was said on the page, in one SQLite file: a reload and a restart show it again.

One thread owns the connection. Each activity has a revision that grows over all conversations and is never used twice,
so "everything after revision n" is a whole question: Direct Line's watermark is nothing else.
"""

from __future__ import annotations

import asyncio
import sqlite3
import unicodedata
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NewType, TypeVar

import orjson

from bot.errors import StorageError

T = TypeVar("T")
ConversationId = NewType("ConversationId", str)
Activity = dict[str, object]

_MAX_TITLE = 60  # characters
_LEAD = 10
_LOCK_WAIT_S = 1.0
_TABLES = """
CREATE TABLE IF NOT EXISTS activities (
    revision     INTEGER PRIMARY KEY AUTOINCREMENT,
    conversation TEXT NOT NULL,
    id           TEXT NOT NULL,
    by_person    INTEGER NOT NULL,
    activity     TEXT NOT NULL,
    UNIQUE (conversation, id)
);
CREATE INDEX IF NOT EXISTS said_at ON activities (conversation, json_extract(activity, '$.timestamp'));
CREATE TABLE IF NOT EXISTS chats (
    conversation TEXT PRIMARY KEY,
    title        TEXT,  -- as the person wants it; else the first words count
    assistant    TEXT   -- chosen when the chat was started; else the usual one answers
);
CREATE TABLE IF NOT EXISTS undelivered (  -- kept here, and not known to be with the bot
    conversation TEXT NOT NULL,
    id           TEXT NOT NULL,
    PRIMARY KEY (conversation, id)
);
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A conversation as the list shows it: by its title, or the first words that a person said in it.

    `last_at` is when something was said last (ISO 8601), `excerpt` the place where a search found its words, if not in
    the title.
    """

    id: ConversationId
    title: str
    last_at: str = ""
    excerpt: str = ""


class Transcripts:
    """Activities by conversation. Every method raises StorageError."""

    def __init__(self, *, connection: sqlite3.Connection, thread: ThreadPoolExecutor) -> None:
        self._connection = connection
        self._thread = thread
        self._assistants: dict[ConversationId, str] = {}

    @classmethod
    async def open(cls, path: Path) -> Transcripts:
        """Open the file, or make it."""
        thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="webchat")
        try:
            connection = await asyncio.get_running_loop().run_in_executor(thread, _connect, path)
        except sqlite3.Error as error:
            thread.shutdown()
            raise StorageError(f"{path} cannot be opened: {error}") from error
        transcripts = cls(connection=connection, thread=thread)
        try:
            await transcripts._remember_choices()
        except StorageError:
            await transcripts.close()
            raise
        return transcripts

    async def close(self) -> None:
        """Finish what is under way and let go of the file."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._connection.close)
        self._thread.shutdown()

    async def put(self, conversation: ConversationId, activity: Activity, *, by_person: bool) -> None:
        """Keep an activity; one of the same id is replaced, and is news again. A person's counts as undelivered."""
        row = (conversation, activity["id"], by_person, orjson.dumps(activity).decode())

        def write(db: sqlite3.Connection) -> None:
            db.execute(
                "INSERT OR REPLACE INTO activities (conversation, id, by_person, activity) VALUES (?, ?, ?, ?)", row
            )
            if by_person:
                db.execute("INSERT OR IGNORE INTO undelivered VALUES (?, ?)", row[:2])

        await self._run(write)

    async def delivered(self, conversation: ConversationId, activity_id: str) -> None:
        """The bot has it."""
        delete = "DELETE FROM undelivered WHERE conversation = ? AND id = ?"
        await self._run(lambda db: db.execute(delete, (conversation, activity_id)))

    async def undelivered(self, conversation: ConversationId) -> list[Activity]:
        """What an earlier life of this program may not have brought to the bot, oldest first."""
        query = """
            SELECT activity FROM activities JOIN undelivered USING (conversation, id)
            WHERE conversation = ? ORDER BY revision
        """
        rows = await self._run(lambda db: db.execute(query, (conversation,)).fetchall())
        return [orjson.loads(row[0]) for row in rows]

    async def find(self, conversation: ConversationId, activity_id: str) -> Activity | None:
        """One activity."""
        query = "SELECT activity FROM activities WHERE conversation = ? AND id = ?"
        rows = await self._run(lambda db: db.execute(query, (conversation, activity_id)).fetchall())
        return orjson.loads(rows[0][0]) if rows else None

    async def texts(self, conversation: ConversationId, activity_ids: Sequence[str]) -> dict[str, str]:
        """What these activities say, or which files they bring, by id; those that are not here are left out."""
        query = "SELECT id, activity FROM activities WHERE conversation = ? AND id IN (SELECT value FROM json_each(?))"
        asked = (conversation, orjson.dumps(activity_ids).decode())
        rows = await self._run(lambda db: db.execute(query, asked).fetchall())
        return {row[0]: _words(orjson.loads(row[1])) for row in rows}

    async def drop(self, conversation: ConversationId, activity_id: str) -> None:
        """Forget an activity that nobody was shown."""

        def delete(db: sqlite3.Connection) -> None:
            for table in ("activities", "undelivered"):
                db.execute(f"DELETE FROM {table} WHERE conversation = ? AND id = ?", (conversation, activity_id))  # noqa: S608 - of two

        await self._run(delete)

    async def after(self, conversation: ConversationId, revision: int) -> tuple[list[Activity], int]:
        """What is newer than a revision, oldest first, and the revision to ask from next time."""
        query = "SELECT revision, activity FROM activities WHERE conversation = ? AND revision > ? ORDER BY revision"
        rows = await self._run(lambda db: db.execute(query, (conversation, revision)).fetchall())
        return [orjson.loads(row[1]) for row in rows], rows[-1][0] if rows else revision

    def assistant_of(self, conversation: str) -> str | None:
        """The assistant that this chat was started with, if one was chosen."""
        return self._assistants.get(ConversationId(conversation))

    async def choose(self, conversation: ConversationId, assistant: str) -> None:
        """From now on this assistant answers here."""
        query = """INSERT INTO chats (conversation, assistant) VALUES (?, ?)
                   ON CONFLICT (conversation) DO UPDATE SET assistant = excluded.assistant"""
        await self._run(lambda db: db.execute(query, (conversation, assistant)))
        self._assistants[conversation] = assistant

    async def rename(self, conversation: ConversationId, title: str) -> None:
        """Call a chat so in the list."""
        query = """INSERT INTO chats (conversation, title) VALUES (?, ?)
                   ON CONFLICT (conversation) DO UPDATE SET title = excluded.title"""
        await self._run(lambda db: db.execute(query, (conversation, title)))

    async def delete(self, conversation: ConversationId) -> None:
        """Forget a chat."""

        def delete(db: sqlite3.Connection) -> None:
            for table in ("activities", "undelivered", "chats"):
                db.execute(f"DELETE FROM {table} WHERE conversation = ?", (conversation,))  # noqa: S608 - of three

        await self._run(delete)
        self._assistants.pop(conversation, None)

    async def conversations(self, most: int) -> list[Listed]:
        """The conversations in which somebody said something, the latest first."""
        query = """
            SELECT said.conversation, first.activity, chats.title,
                   (SELECT MAX(json_extract(activity, '$.timestamp')) FROM activities
                    WHERE conversation = said.conversation) AS last_at
            FROM (SELECT conversation, MAX(revision) AS last, MIN(CASE WHEN by_person THEN revision END) AS first
                  FROM activities GROUP BY conversation) AS said
            JOIN activities AS first ON first.revision = said.first
            LEFT JOIN chats ON chats.conversation = said.conversation
            ORDER BY last_at DESC, said.last DESC LIMIT ?
        """
        rows = await self._run(lambda db: db.execute(query, (most,)).fetchall())
        return [
            Listed(id=ConversationId(row[0]), title=row[2] or _title(orjson.loads(row[1])), last_at=row[3] or "")
            for row in rows
        ]

    async def search(self, text: str, most: int) -> list[Listed]:
        """The listed conversations whose title and messages have each word of `text`, whatever its case or accents."""
        words = _folded(text).split()
        query = "SELECT conversation, json_extract(activity, '$.text') FROM activities ORDER BY revision DESC"
        said: dict[str, list[str]] = {}
        for conversation, message in await self._run(lambda db: db.execute(query).fetchall()):
            said.setdefault(conversation, []).append(str(message or ""))
        found = []
        for listed in await self.conversations(-1):
            texts = [listed.title, *said.get(listed.id, ())]
            folded = [_folded(each) for each in texts]
            places = [next((nth for nth, each in enumerate(folded) if word in each), None) for word in words]
            if all(place is not None for place in places):
                elsewhere = next(((place, word) for place, word in zip(places, words, strict=True) if place), None)
                excerpt = _excerpt(texts[elsewhere[0] or 0], elsewhere[1]) if elsewhere else ""
                found.append(replace(listed, excerpt=excerpt))
        return found[:most]

    async def _remember_choices(self) -> None:
        query = "SELECT conversation, assistant FROM chats WHERE assistant IS NOT NULL"
        self._assistants.update(await self._run(lambda db: db.execute(query).fetchall()))

    async def _run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        def transact() -> T:
            with self._connection:
                return work(self._connection)

        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, transact)
        except sqlite3.Error as error:
            raise StorageError(f"the chat page's conversations cannot be read or written: {error}") from error


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=_LOCK_WAIT_S)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA secure_delete = ON")  # a chat that is deleted is gone from the file, too
        connection.executescript(_TABLES)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _words(activity: Activity) -> str:
    """The text, or the names of the files that came without one."""
    given = activity.get("attachments")
    names = ", ".join(str(file.get("name")) for file in given) if isinstance(given, list) else ""
    return str(activity.get("text") or names)


def _folded(text: str) -> str:
    """A text in which letters that differ in case or accents alone are equal."""
    return "".join(each for each in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(each))


def _excerpt(text: str, word: str) -> str:
    """Some words around the first place of `word`, which is folded."""
    text = " ".join(text.split())
    place = max(0, _folded(text).find(word))
    before = text.rfind(" ", 0, max(0, place - 1)) + 1  # a word, or its end: the list shows some 20 characters
    begins = max(before, place - _LEAD)
    cut = text[begins : begins + _MAX_TITLE]
    return f"{'…' if begins else ''}{cut.strip()}{'…' if begins + _MAX_TITLE < len(text) else ''}"


def _title(activity: Activity) -> str:
    text = " ".join((_words(activity) or "Chat").split())
    return text if len(text) <= _MAX_TITLE else text[: _MAX_TITLE - 1].rstrip() + "…"
