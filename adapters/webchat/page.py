"""`/`: the page itself, its own few files, and Web Chat's bundle as it was fetched."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from html import escape
from pathlib import Path
from string import Template
from typing import Final
from urllib.parse import urlsplit

from aiohttp import web

from adapters.webchat.page_access import KEYS, cookie_name, has_page_key, same_text
from adapters.webchat.page_words import CATALOGUES, as_html, as_script, chosen_language, language_for
from bot.attachments import ENDINGS, MAX_FILE_BYTES, MAX_FILES, PROGRAM_ENDINGS
from bot.conversation import MAX_TEXT_CHARS
from bot.language import _, speaking
from bot.profiles import Speaker
from bot.sentences import STARTERS

_FILES: Final = Path(__file__).parent / "page"
_OWN: Final = frozenset(path.name for path in _FILES.iterdir() if path.suffix in (".css", ".csv", ".js", ".svg"))
ALWAYS: Final = {
    "Cache-Control": "no-cache",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

_EMPTY_STYLE: Final = "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
"""Of no text at all: Web Chat adds such a style, and the browser complained of it at each load (ux 3.15)."""

_NEEDS_KEY: Final = "Open this page by the address that the service printed when it started: it ends in a key.\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Starter:
    """A question to begin with; `kind` says in a word or two what it shows, `file` is a sample that goes with it."""

    question: str
    kind: str = ""
    file: str = ""


def built_in_starters(language: str) -> tuple[Starter, ...]:
    """Four kinds of questions: a function, data, numbers, and what there is."""
    words = CATALOGUES[language]
    with speaking(language):
        function = _(STARTERS[0])
    return (
        Starter(kind=words["starter-function"], question=function),
        Starter(kind=words["starter-data"], question=words["starter-data-question"], file=words["starter-data-file"]),
        Starter(kind=words["starter-numbers"], question=words["starter-numbers-question"]),
        Starter(kind=words["starter-help"], question=words["starter-help-question"]),
    )


class PageTemplate(Template):
    """index.html: `${a-sentence}` of the catalogue, `$a_value` of this service."""

    braceidpattern = "[a-z][a-z0-9-]*"


@dataclass(frozen=True, slots=True, kw_only=True)
class PageFacts:
    """What the page says about this very service. `starters` are the operator's, None for the built-in ones."""

    assistant: str
    assistant_id: str
    speaker: Speaker
    can_connect: bool  # no model was chosen yet, so the page says how to
    starters: Sequence[Starter] | None = None
    endings: Collection[str] | None = ENDINGS  # of the files that may be sent; None for any


class ChatPage:
    """Serves the page. `picture_sources` are where plots and uploads come from, `bundle` where Web Chat lies."""

    def __init__(
        self,
        *,
        facts: PageFacts,
        picture_sources: Sequence[str],
        bundle: Path,
        highlighter: Path,
        has_threads: bool = True,
    ) -> None:
        """`highlighter` colours code; the page does without where it is missing.

        `has_threads`: the assistant's service can be asked for its assistants, threads and runs.
        """
        self._facts = facts
        self._picture_sources = picture_sources
        self._bundle = bundle
        self._highlighter = highlighter
        self._has_threads = has_threads
        self._page = PageTemplate((_FILES / "index.html").read_text("utf-8"))

    def add_routes(self, app: web.Application) -> None:
        """Serve `/` and what belongs to it."""
        app.add_routes(
            [
                web.get("/", self._show),
                web.get("/chat/webchat.js", partial(_script, bundle=self._bundle)),
                web.get("/chat/highlight.js", partial(_script, bundle=self._highlighter)),
                web.get("/chat/files/{name}", self._own_file),
            ]
        )

    async def _show(self, request: web.Request) -> web.Response:
        if "key" in request.query:
            return self._let_in(request)
        if not has_page_key(request):
            return web.Response(status=403, text=_NEEDS_KEY, headers=ALWAYS)
        nonce = secrets.token_urlsafe(16)
        facts, language = self._facts, language_for(request)
        words = CATALOGUES[language]
        starters = built_in_starters(language) if facts.starters is None else facts.starters
        html = self._page.substitute(
            as_html(words),
            page_language=language,
            languages="\n".join(_languages(words, chosen_language(request))),
            words=as_script(words),
            nonce=nonce,
            assistant=escape(facts.assistant),
            speaker=escape(words[f"answered-by-{facts.speaker.kind}"].format_map(asdict(facts.speaker))),
            starters="\n".join(_item(starter, words) for starter in starters),
            takes=",".join(facts.endings or ()),
            refuses=",".join(PROGRAM_ENDINGS),
            max_bytes=MAX_FILE_BYTES,
            max_files=MAX_FILES,
            max_chars=MAX_TEXT_CHARS,
            threads="yes" if self._has_threads else "no",
            threads_hidden="" if self._has_threads else "hidden",
            no_threads_hidden="hidden" if self._has_threads else "",
            connect_hidden="" if facts.can_connect else "hidden",
            missing_hidden="hidden" if self._bundle.is_file() else "",
        )
        policy = _policy(nonce, request.host, self._picture_sources)
        headers = {**ALWAYS, "Content-Security-Policy": policy, "Vary": "Accept-Language, Cookie"}
        return web.Response(text=html, content_type="text/html", headers=headers)

    def _let_in(self, request: web.Request) -> web.Response:
        """Move the key from the address, which histories keep, into a cookie that only this page's requests carry."""
        answer = web.Response(status=303, headers={**ALWAYS, "Location": "/"})
        if same_text(request.query["key"], request.app[KEYS].page_key):
            answer.set_cookie(
                cookie_name(request), request.query["key"], httponly=True, samesite="Strict", path="/", max_age=None
            )
        return answer

    async def _own_file(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        if name not in _OWN:
            raise web.HTTPNotFound
        return web.FileResponse(_FILES / name, headers=ALWAYS)


def _languages(words: Mapping[str, str], chosen: str) -> Iterator[str]:
    """The choices of the menu, each language by its own name."""
    names = {"": words["language-browser"]} | {tag: each["language-name"] for tag, each in CATALOGUES.items()}
    for tag, name in names.items():
        attributes = f'value="{tag}"' + (" checked" if tag == chosen else "")
        lang = f' lang="{tag}"' if tag else ""
        yield f'        <label{lang}><input type="radio" name="language" {attributes}> {escape(name)}</label>'


def _item(starter: Starter, words: Mapping[str, str]) -> str:
    question, file = escape(starter.question), escape(starter.file)
    lines = [f"<b>{escape(starter.kind)}</b>"] if starter.kind else []
    lines.append(f"<span>{question}</span>")
    if file:
        lines.append(f'<span class="sample">{escape(words["with-file"]).format(name=file)}</span>')
    data = f'data-question="{question}"' + (f' data-file="{file}"' if file else "")
    return f'      <li><button type="button" {data}>{"".join(lines)}</button></li>'


async def _script(_: web.Request, *, bundle: Path) -> web.StreamResponse:
    if not await asyncio.to_thread(bundle.is_file):
        raise web.HTTPNotFound
    return web.FileResponse(bundle, headers={**ALWAYS, "Content-Type": "text/javascript; charset=utf-8"})


def _policy(nonce: str, host: str, picture_sources: Sequence[str]) -> str:
    """What the browser may load for this page: nothing of other places, so that no answer can carry words away."""
    origins = (urlsplit(source) for source in picture_sources)
    pictures = " ".join(dict.fromkeys(f"{origin.scheme}://{origin.netloc}" for origin in origins))
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src 'self' 'nonce-{nonce}'",
            f"style-src 'self' 'nonce-{nonce}' '{_EMPTY_STYLE}'",
            f"img-src 'self' data: blob: {pictures}",
            f"connect-src 'self' ws://{host} blob:",  # Web Chat reads a file that is to be uploaded as a blob:
            "font-src 'self' data:",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )
