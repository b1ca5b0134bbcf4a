"""From an answer to the parts of a reply: pictures stored and shown, files linked, every loss told."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
import tempfile
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import unquote

from bot.attachments import ENDINGS
from bot.conversation import PAGE_CHANNEL, ConversationKey, ConversationReference
from bot.errors import AssistantError, BotError, StorageDownError, StorageError
from bot.file_names import plain_name, unique_name
from bot.language import N_, _
from bot.links import NO_LINKS, LinkRules
from bot.media import picture_type, picture_type_of
from bot.native_charts import chart_of
from bot.parts import Details, FilesPart, Marks, Part, PicturePart, Source, StoredFile, Table, TablePart, TextPart
from bot.ports import Assistant, Channel, FileStore, Pictures
from bot.run import Answer, AnswerFile, AnswerImage, Citation, CodeCell, FileRef

log = logging.getLogger(__name__)

NO_ANSWER = N_("The assistant ended without an answer. Please ask again, perhaps in other words.")

MAX_SHOWN_CHARS = 40_000
"""Of an answer's text in a chat: some ten screens in Teams. A longer one comes as a file, with its beginning."""

MAX_PICTURE_BYTES = 32 * 1024 * 1024
"""Of a picture that is shown. A larger one is a file, which is never in memory as a whole."""

MAX_POINTS_BYTES = 4 * 1024 * 1024
"""Of the csv that comes with a picture; one that is longer is not shown with it."""

MAX_SHOWN_CODE_CHARS = 20_000
"""Of the code, and as much of its output, that comes with a text."""

MAX_FOLLOW_UPS = 3
MAX_FOLLOW_UP_CHARS = 100  # of what stands on a button
MAX_SOURCES = 20  # that Teams takes of one message

_FIRST_PAUSE_S = 1.0
_MAX_PAUSE_S = 8.0  # between two attempts to keep a file

_CITATION_MARK = re.compile(r"【\d+:\d+†[^】\n]{0,200}】")  # as models write it into a text
_EXPLANATION = re.compile(
    r"^(?:#{1,6} +|\*\*)(?:How I worked this out|How the code works|Why I used code|Explanation"
    r"|Wie der Code arbeitet|Warum Code|Erklärung)\b",
    re.IGNORECASE | re.MULTILINE,
)
_FOLLOW_UPS_TITLE = (
    r"^(?:#{1,6} +|\*\*)?(?:You (?:could|can|might) (?:also )?ask(?: next)?|Follow-up questions|Next questions"
    r"|Du kannst als Nächstes fragen|Sie können als Nächstes fragen|Mögliche Anschlussfragen)"
    r"[^\n:]{0,40}:?(?:\*\*)?:?[ \t]*+"
)
_FOLLOW_UPS = re.compile(
    _FOLLOW_UPS_TITLE + r"\n\s*+((?:[ \t]*+(?:[-*+]|\d[.)])[ \t]++[^\n]++(?:\n|\Z)){1,3})\s*\Z",
    re.IGNORECASE | re.MULTILINE,
)
_FOLLOW_UPS_BEGUN = re.compile(
    _FOLLOW_UPS_TITLE + r"\*?(?:\n[ \t]*(?:[-*+\d][^\n]*)?){0,6}\Z",
    re.IGNORECASE | re.MULTILINE,
)
_LIST_MARK = re.compile(r"^[ \t]*(?:[-*+]|\d[.)])[ \t]+", re.MULTILINE)

_FILE_ENDINGS = tuple({*ENDINGS} - {".md", ".tab", ".zip"})  # these three are top-level domains too

_SANDBOX = "sandbox:"
_MAX_LINK_CHARS = 400  # of a label, or of a path: without a bound, a text of nothing but brackets takes its square
_BARE_PATH = re.compile(r"/?[^\s)>\]\"'`]*")


_NO_LINKS: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Extras:
    """What an answer shows beside its words, pictures and files."""

    ai_label: bool = False
    feedback: bool = False
    follow_ups: bool = False
    details: bool = False  # the code, the points of plots, and the explanation, each behind a button
    charts: bool = False  # drawn by Teams in the place of a plot
    citations: bool = False


@dataclass(slots=True, kw_only=True)
class _Collected:
    """What became of an answer's pictures and files."""

    pictures: list[PicturePart] = field(default_factory=list)
    files: list[StoredFile] = field(default_factory=list)
    losses: list[str] = field(default_factory=list)
    names: set[str] = field(default_factory=set)  # of all that came along
    digests: set[bytes] = field(default_factory=set)  # of the same: what a service names in two places is there once
    wait_until_s: float | None = None  # for the file store, on the event loop's clock, once it was down
    outage: StorageDownError | None = None  # that outlasted the wait

    def has(self, digest: bytes) -> bool:
        """Whether the bytes of this digest came along already; from now on they did."""
        was_there = digest in self.digests
        self.digests.add(digest)
        return was_there


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyWriter:
    """Turns answers into replies; it fetches from the assistant and keeps in the file store."""

    assistant: Assistant
    files: FileStore
    pictures: Pictures
    max_text_chars: int | None = MAX_SHOWN_CHARS  # of an answer in a message; None where people read text of any length
    max_wait_s: float = 0.0  # of one answer, for a file store that is down
    extras: Extras = Extras()

    async def write(
        self, answer: Answer, key: ConversationKey, *, alone: bool = True, opened_at: Mapping[str, str] = _NO_LINKS
    ) -> tuple[Part, ...]:
        """The text first, each picture a part of its own, then all other files as one part.

        `alone`: nobody else reads along, so a question may be asked by a press. `opened_at`: where people open the
        files that they gave, by name.
        """
        collected = _Collected()
        saves_data = any(file.name.lower().endswith(".csv") for file in answer.files)
        for number, image in enumerate(answer.images, start=1):
            # A file that the code saved is the data of the last plot: the points in it would be the same again.
            has_own = saves_data and number == len(answer.images)
            await self._show(replace(image, data=None) if has_own else image, number, key, collected)
        for file in answer.files:
            await self._link(file, key, collected)
        names = {file.name for file in collected.files} | collected.names
        text = _without_sandbox_links(answer.text, known=names, has_pictures=bool(answer.images))
        text, sources = number_citations(text, answer.citations if self.extras.citations else ())
        sources = tuple(replace(source, link=opened_at.get(source.name, "")) for source in sources)
        text, follow_ups = split_follow_ups(text.strip()) if self.extras.follow_ups and alone else (text.strip(), ())
        if self.extras.details and collected.pictures:
            text, explanation = split_explanation(text)
            data = next((file for file in collected.files if file.name.lower().endswith(".csv")), None)
            if data is not None:
                collected.files.remove(data)
            last = collected.pictures[-1]
            points = last.details.data if last.details else None
            details = Details(explanation=explanation, code=answer.code, data=data or points)
            if details != Details():
                collected.pictures[-1] = replace(last, details=details)
        text = await self._beginning(text, key, collected)
        text = "\n\n".join(filter(None, (text, *collected.losses)))
        if not text and not collected.pictures and not collected.files:
            return text_reply(_(NO_ANSWER))
        files = (FilesPart(files=tuple(collected.files)),) if collected.files else ()
        shows_code = self.extras.details and not collected.pictures and key.channel == PAGE_CHANNEL
        ran = _beginning_of(answer.code) if shows_code else ()  # else a ledger would hold it for nobody
        words = (TextPart(text=text, code=ran),) if text else ()
        return self._marked((*words, *collected.pictures, *files), sources, follow_ups)

    def _marked(
        self, parts: tuple[Part, ...], sources: tuple[Source, ...], follow_ups: tuple[str, ...]
    ) -> tuple[Part, ...]:
        """The parts with their marks: feedback is asked for at the first one, the next question at the last."""
        marked: list[Part] = []
        for number, part in enumerate(parts):
            marks = Marks(
                is_ai_generated=self.extras.ai_label,
                takes_feedback=self.extras.feedback and number == 0,
                sources=sources if number == 0 else (),
                follow_ups=follow_ups if part is parts[-1] else (),
            )
            match part:
                case TextPart() | PicturePart() | FilesPart() if marks != Marks():
                    marked.append(replace(part, marks=marks))
                case _:
                    marked.append(part)
        return tuple(marked)

    async def _beginning(self, text: str, key: ConversationKey, collected: _Collected) -> str:
        """The text, or where it is too long for a chat the beginning of it; the whole is a file then."""
        longest = self.max_text_chars
        if longest is None or len(text) <= longest:
            return text
        name = unique_name("answer.md", {file.name for file in collected.files})
        try:
            await self._keep(name, text.encode(), key, collected)
        except StorageError as error:
            log.warning("a long answer is not kept as a file", extra={"error": type(error).__name__})
            return text
        ends = (text.rfind(pause, longest // 2, longest) for pause in ("\n\n", "\n", " "))
        end = next((end for end in ends if end >= 0), longest)
        note = _("This is the beginning of a long answer. All of it is in the file {name}.").format(name=name)
        return f"{text[:end]}\n\n*{note}*"

    async def _show(self, image: AnswerImage, number: int, key: ConversationKey, collected: _Collected) -> None:
        """Keep a picture and show it; what cannot be shown safely is linked like any other file."""
        try:
            async with self._fetched(image.file) as (path, digest):
                collected.names.update(filter(None, [image.name]))
                if collected.has(digest):
                    return
                data = await asyncio.to_thread(_picture_at, path)
                fitted = await self.pictures.fit(data) if data else None
                if fitted is None:
                    await self._keep(image.name or f"picture-{number}", path, key, collected)
                    return
                if image.name and fitted != data:  # code saved it for the person, so they get it as it is, too
                    await self._keep(image.name, path, key, collected)
            stored = await self._put(key, f"plot-{number}{_extension(fitted)}", fitted, collected)
        except (AssistantError, StorageError) as error:
            collected.losses.append(_loss(_("Plot {number}").format(number=number), image.file, error))
        else:
            alt_text = image.alt_text or _("Plot {number}, drawn by the assistant's code for this question.").format(
                number=number
            )
            part = PicturePart(file=stored, alt_text=alt_text)
            collected.pictures.append(await self._with_points(part, image, key, collected))

    async def _with_points(
        self, part: PicturePart, image: AnswerImage, key: ConversationKey, collected: _Collected
    ) -> PicturePart:
        """The picture with what is drawn in it, as a file and as a chart; without, where that cannot be had."""
        if image.data is None or not (self.extras.details or self.extras.charts):
            return part
        try:
            async with self._fetched(image.data) as (path, _digest):
                points = await asyncio.to_thread(path.read_bytes) if path.stat().st_size <= MAX_POINTS_BYTES else b""
            if points and self.extras.details:
                name = f"{Path(part.file.name).stem}.csv"
                part = replace(part, details=Details(data=await self._put(key, name, points, collected)))
        except (AssistantError, OSError, StorageError) as error:
            log.warning("the points of a picture are lost", extra={"file": image.data, "why": str(error)})
            return part
        return replace(part, chart=chart_of(part.alt_text, points)) if self.extras.charts else part

    async def _link(self, file: AnswerFile, key: ConversationKey, collected: _Collected) -> None:
        try:
            async with self._fetched(file.file) as (path, _digest):
                collected.names.add(file.name)
                await self._keep(file.name, path, key, collected)
        except (AssistantError, StorageError) as error:
            collected.losses.append(_loss(_("The file {name}").format(name=file.name), file.file, error))

    @asynccontextmanager
    async def _fetched(self, file: FileRef) -> AsyncIterator[tuple[Path, bytes]]:
        """A file of the assistant on this disk, and its SHA-256, for as long as the context lasts."""
        with ExitStack() as stack:
            try:
                folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="teamsbot-answer-"))
                path, digest = Path(folder, "file"), hashlib.sha256()
                whole = stack.enter_context(await asyncio.to_thread(path.open, "wb"))

                def write(chunk: bytes) -> None:
                    digest.update(chunk)
                    whole.write(chunk)

                async with self.assistant.open_file(file) as chunks:
                    async for chunk in chunks:
                        await asyncio.to_thread(write, chunk)
                whole.close()
            except OSError as error:
                raise StorageError(f"a file of an answer cannot be kept: {error.strerror}") from error
            yield path, digest.digest()

    async def _keep(self, name: str, content: bytes | Path, key: ConversationKey, collected: _Collected) -> None:
        collected.files.append(await self._put(key, name, content, collected))

    async def _put(self, key: ConversationKey, name: str, content: bytes | Path, collected: _Collected) -> StoredFile:
        """Keep a file, and wait for a store that is down, but for no more than `max_wait_s` in one answer.

        Nothing is lost by a crash meanwhile: the resumed turn reads the answer again.
        """
        if collected.outage is not None:  # each further attempt would take as long as the store's own deadline
            raise collected.outage
        pause_s = _FIRST_PAUSE_S
        while True:
            try:
                return await self.files.put(key, name, content)
            except StorageDownError as error:
                now_s = asyncio.get_running_loop().time()
                collected.wait_until_s = collected.wait_until_s or now_s + self.max_wait_s
                if now_s + pause_s > collected.wait_until_s:
                    collected.outage = error
                    raise
                log.warning("file is not kept yet", extra={"why": str(error), "pause_s": pause_s})
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, _MAX_PAUSE_S)


def text_reply(text: str) -> tuple[Part, ...]:
    """A reply of words alone."""
    return (TextPart(text=text),)


def _beginning_of(code: Iterable[CodeCell]) -> tuple[CodeCell, ...]:
    """As much of the code as comes with a text, and of what it printed."""
    shown = []
    left = MAX_SHOWN_CODE_CHARS
    for cell in code:
        if left <= 0:
            break
        shown.append(CodeCell(code=cell.code[:left], output=cell.output[:left]))
        left -= max(len(cell.code), len(cell.output))
    return tuple(shown)


def split_to_fit(
    parts: Iterable[Part], channel: Channel, links: LinkRules = NO_LINKS, to: ConversationReference | None = None
) -> Iterator[Part]:
    """The same parts, each text as the channel can show it and cut where the channel must cut it.

    A table of a text is a part of its own where the conversation has something for tables.
    """
    shown = given = 0
    for part in parts:
        given += 1
        pieces = _pieces(part, channel, links, to) if isinstance(part, TextPart) else [part]
        yield from pieces
        shown += len(pieces)
    if given and not shown:  # an answer of which nothing can be shown is told, never passed over in silence
        yield from (_piece(piece) for piece in channel.split(_(NO_ANSWER), links))


def _pieces(
    part: TextPart, channel: Channel, links: LinkRules, to: ConversationReference | None
) -> list[TextPart | TablePart]:
    """A text in pieces: each with the sources that it names, the last with what is asked about the whole."""
    pieces = [_piece(piece) for piece in channel.split(part.text, links, to)]
    for at, piece in reversed(list(enumerate(pieces))):
        if part.code and isinstance(piece, TextPart):
            pieces[at] = replace(piece, code=part.code)
            break
    if part.marks is None:
        return pieces
    parts = []
    for piece in pieces:
        words = piece.text if isinstance(piece, TextPart) else piece.table.block
        marks = replace(part.marks, sources=tuple(s for s in part.marks.sources if f"[{s.position}]" in words))
        is_last = piece is pieces[-1]
        parts.append(replace(piece, marks=marks if is_last else replace(marks, takes_feedback=False, follow_ups=())))
    return parts


def _piece(piece: str | Table) -> TextPart | TablePart:
    return TablePart(table=piece) if isinstance(piece, Table) else TextPart(text=piece)


def number_citations(text: str, citations: Iterable[Citation]) -> tuple[str, tuple[Source, ...]]:
    """The text with a number in the place of each citation mark, and the files that the numbers stand for."""
    numbers: dict[str, int] = {}
    for citation in citations:
        if not citation.placeholder or not citation.name or citation.placeholder not in text:
            continue
        if citation.name not in numbers and len(numbers) == MAX_SOURCES:
            continue
        number = numbers.setdefault(citation.name, len(numbers) + 1)
        text = text.replace(citation.placeholder, f" [{number}]")
    text = re.sub(r"(?<=\s) +(?=\[\d)", "", text)
    return _CITATION_MARK.sub("", text), tuple(Source(position=n, name=name) for name, n in numbers.items())


def split_follow_ups(text: str) -> tuple[str, tuple[str, ...]]:
    """The text without the one to three questions that it ends with, under "You could ask next", and these."""
    found = _FOLLOW_UPS.search(text)
    if found is None or not text[: found.start()].strip():
        return text, ()
    questions = [line.strip().strip('"*_`“”„') for line in _LIST_MARK.sub("", found[1]).splitlines() if line.strip()]
    # Pressed, a question is the person's own words: one with a host in it would make that host's links clickable.
    hosts = NO_LINKS.with_words("\n".join(questions)).hosts
    names_host = any("://" in each or "www." in each.lower() for each in questions) or not all(
        host.endswith(_FILE_ENDINGS) for host in hosts
    )
    if names_host or any(len(question) > MAX_FOLLOW_UP_CHARS or not question for question in questions):
        return text, ()
    return text[: found.start()].rstrip(), tuple(questions[:MAX_FOLLOW_UPS])


def split_explanation(text: str) -> tuple[str, str]:
    """The result, and how it was worked out where the text says so under a heading; the result is never empty."""
    found = _EXPLANATION.search(text)
    if found is None or not text[: found.start()].strip():
        return text, ""
    return text[: found.start()].rstrip(), text[found.start() :].strip()


def preview_of(text_so_far: str) -> str:
    """The beginning of an answer, as it can be shown before its files are known: the result, without its marks.

    Questions at its end are held back, for they may become buttons.
    """
    result = split_explanation(_CITATION_MARK.sub("", text_so_far))[0]
    result = _FOLLOW_UPS_BEGUN.sub("", result)
    return _without_sandbox_links(result, known=None)


def _without_sandbox_links(text: str, known: set[str] | None, *, has_pictures: bool = True) -> str:
    """A path inside the sandbox is no address for a person: name the file, and say so when it did not come along.

    Code may have used another name than the file has now (`Q1 & Q2.csv` is kept as `Q1 _ Q2.csv`), and a model writes
    blanks and brackets into an address as they are: the end of a path is where a known file's name ends. `known` holds
    the names of the files that came along; None while that is not known. A picture in the text is one that is shown
    beside it, if any is: those have names of their own.
    """
    names = {plain_name(name) for name in known or ()}
    said, position = "", 0
    while (start := text.find(_SANDBOX, position)) >= 0:
        rest = (
            text[start + len(_SANDBOX) : start + len(_SANDBOX) + _MAX_LINK_CHARS]
            .partition("\n")[0]
            .partition(_SANDBOX)[0]
        )
        label, begin = _label_before(text, position, start)
        if label is None or ")" not in rest:
            label, begin = None, start
            ends = [found.start() for found in re.finditer(r"[\s)>\]\"'`.,;:!?]|$", rest)]
            first = _BARE_PATH.match(rest)
            fallback = first.end() if first else 0
        else:
            ends = [found.start() for found in re.finditer(r"\)", rest)]
            fallback = ends[0]
        found_at = [end for end in ends if plain_name(_file_name(rest[:end])) in names]
        end = found_at[0] if found_at else fallback
        name = _file_name(rest[:end])
        said += text[position:begin]
        if not text[begin:start].startswith("!") or not (found_at or known is None or has_pictures):
            said += (
                (label or name)
                if found_at or known is None
                else _("{name} (this file is not available)").format(name=label or name)
            )
        position = start + len(_SANDBOX) + end + (label is not None)
    return said + text[position:]


def _label_before(text: str, begin: int, end: int) -> tuple[str | None, int]:
    """The label of a Markdown link whose address begins at `end`, and where the link begins; None if there is none."""
    head = text[max(begin, end - _MAX_LINK_CHARS) : end]
    opened = head.rstrip().removesuffix("<").rstrip()
    if not opened.endswith("]("):
        return None, end
    depth = 0
    for at in range(len(opened) - 2, -1, -1):
        depth += (opened[at] == "]") - (opened[at] == "[")
        if opened[at] == "\n":
            break
        if depth == 0:
            start = end - len(head) + at
            is_image = at > 0 and opened[at - 1] == "!"
            return opened[at + 1 : -2], start - is_image
    return None, end


def _file_name(address: str) -> str:
    """The name of the file at the end of a path, without a title behind it."""
    path = re.sub(r"\s+\"[^\"]*\"$", "", address.strip()).removesuffix(">")
    return unquote(path).rsplit("/", 1)[-1]


def _picture_at(path: Path) -> bytes | None:
    """The bytes of a picture that is small enough to be shown; None for anything else."""
    is_shown = path.stat().st_size <= MAX_PICTURE_BYTES and picture_type_of(path)
    return path.read_bytes() if is_shown else None


def _extension(picture: bytes) -> str:
    return {"image/png": ".png", "image/jpeg": ".jpg", "image/gif": ".gif"}.get(picture_type(picture) or "", ".webp")


def _loss(what: str, file: FileRef, error: BotError) -> str:
    log.warning("file of an answer is lost", extra={"file": file, "error": type(error).__name__, "why": str(error)})
    sentence = _("{what} could not be brought to you. Please ask again if you need it.").format(what=what)
    return f"*{sentence}*"
