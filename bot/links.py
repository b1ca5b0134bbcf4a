"""Which addresses of an answer people may click.

An address carries data to its server, and a model can be talked into writing one (by a file, a page, a name): a
click on it tells a stranger what stood in the chat (OWASP LLM02, EchoLeak). So an answer leads only to hosts that the
person or the operator named, or to this service itself, and says little by the way: no query, no long random path.
Channels show the host of every other address as text.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import quote

# No user name (looks like a host), no query (carries data away), nothing that two parsers may read in two ways.
_HARMLESS: Final = re.compile(
    r"(?P<address>https?://(?P<host>[a-z0-9-]+(\.[a-z0-9-]+)*\.?(:\d{1,5})?)(?P<path>/[\w.~!$&'()*+,;=:@%/-]*)?)(#.*)?",
    re.ASCII | re.IGNORECASE,
)
_WRITTEN_BY_A_PERSON: Final = re.compile(
    r"https?://(?P<host>[a-z0-9-]+(\.[a-z0-9-]+)*(:\d{1,5})?)([/?][!-~]*)?", re.ASCII | re.IGNORECASE
)
_HOST: Final = re.compile(r"(?:[a-z][a-z0-9+.-]*:)?[/\\]{2}(?:[^/\\?#]*@)?([^/\\?#]+)", re.IGNORECASE)

_MAX_ADDRESS_CHARS: Final = 300
_MAX_PATH_CHARS: Final = 200
_MAX_PATH_DIGITS: Final = 16
_RANDOM: Final = re.compile(r"(?:[A-Za-z0-9]|%[0-9A-Fa-f]{2}){24}")
_MAX_SHOWN_HOST_CHARS: Final = 40
_MAX_SHOWN_LABELS: Final = 4

BARE_ADDRESS: Final = re.compile(
    r"(?:https?|ftp)://[^\s<>\"]+|\bwww\.[^\s<>\"]+"
    r"|(?<![\w.-])(?:[\w-]{1,63}\.){1,20}[a-z]{2,63}(?::\d{1,5})?"
    r"(?:/[^\s<>\"?]{0,300}\?[^\s<>\"]+|/(?=[^\s<>\"?]{61}|[^\s<>\"?]{0,40}[a-z0-9]{24})[^\s<>\"?]{0,300})",
    re.IGNORECASE,
)
"""What a client may turn into a link by itself: with a scheme, with `www.`, or a host with a query or a long path.

Its parts are bounded: else a text of nothing but `a.bb/` would take the square of its length."""

_MAX_WORDS_CHARS: Final = 20_000  # of a person's words in which hosts are looked for
_ADDRESS_IN_WORDS: Final = re.compile(
    r"https?://(?P<host>[^\s<>\"/?#\\@]{1,253})(?![^\s<>\"/?#])[^\s<>\"]{0,2000}", re.IGNORECASE
)
_HOST_IN_WORDS: Final = re.compile(
    r"(?<![\w.@/-])(?P<host>(?:[\w-]{1,63}\.){1,10}[^\W\d_]{2,63}(?::[0-9]{1,5})?)(?![\w@-])", re.IGNORECASE
)
_PUNCTUATION: Final = frozenset(".,;:!?'\"*_`]}")

_CODE: Final = re.compile(r"(```.*?(?:```|\Z)|~~~.*?(?:~~~|\Z)|(?<![\\`])`[^`\n]+`)", re.DOTALL)
_BACKSLASH: Final = re.compile(r"\\(?=[!-/:-@\[-`{-~])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """An address, or None for one that is not to be clicked, and the host that a person should see."""

    address: str | None
    host: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkRules:
    """Hosts are whole and in small letters, with a port if they have one; a host and its `www.` count as one.

    `own` hosts are this service's, `hosts` those that the operator or the person named. `addresses` are whole ones that
    the person wrote, which an answer may repeat as they are.
    """

    own: frozenset[str] = frozenset()
    hosts: frozenset[str] = frozenset()
    addresses: frozenset[str] = frozenset()

    def with_words(self, words: str) -> LinkRules:
        """The same, and what a person names in their message. Lines that quote others (`> `) are not theirs."""
        theirs = "\n".join(line for line in words[:_MAX_WORDS_CHARS].split("\n") if not line.startswith(">"))
        found = list(_ADDRESS_IN_WORDS.finditer(theirs))
        hosts = {match["host"] for match in (*found, *_HOST_IN_WORDS.finditer(theirs))}
        addresses = {trimmed(match[0]) for match in found}
        return replace(
            self,
            hosts=self.hosts | {_without_www(_in_ascii(trimmed(host))) for host in hosts},
            addresses=self.addresses | addresses | {quote(each, safe="%/:?#[]@!$&'()*+,;=~") for each in addresses},
        )

    def judge(self, url: str) -> Link:
        """A link stays if it is http(s), its host may be linked and it carries no data; a fragment is cut.

        Other schemes (`javascript:`, `data:`, `sandbox:`, `mailto:`) and relative addresses have neither address nor
        host.
        """
        if url in self.addresses and (found := _WRITTEN_BY_A_PERSON.fullmatch(url)) is not None:
            return Link(address=url, host=found["host"].lower())
        found = _HARMLESS.fullmatch(url)
        if found is None or len(url) > _MAX_ADDRESS_CHARS:
            host_alone = _HOST.match(url)
            return Link(address=None, host=shown_host(host_alone[1].lower()) if host_alone else "")
        host = found["host"].lower()
        is_named = _without_www(host.rstrip(".")) in self.hosts and not _is_telling(found["path"] or "")
        may_be_clicked = host in self.own or is_named
        return Link(address=found["address"] if may_be_clicked else None, host=shown_host(host))

    def judge_bare(self, address: str) -> Link:
        """The same for an address within text, where the scheme may be missing."""
        return self.judge(address if "://" in address else f"http://{address}")


NO_LINKS: Final = LinkRules()


def shown_host(host: str) -> str:
    """A host as text; of one that is long enough to carry data, its end."""
    labels = host.split(".")
    if len(host) <= _MAX_SHOWN_HOST_CHARS and len(labels) <= _MAX_SHOWN_LABELS and not _RANDOM.search(host):
        return host
    return f"….{'.'.join(labels[-2:])[-_MAX_SHOWN_HOST_CHARS:]}"


def trimmed(address: str) -> str:
    """A bare address without the punctuation of the sentence around it."""
    unopened = address.count(")") - address.count("(")
    end = len(address)
    while end and (address[end - 1] in _PUNCTUATION or (address[end - 1] == ")" and unopened > 0)):
        unopened -= address[end - 1] == ")"
        end -= 1
    return address[:end]


def judged_markdown(text: str, rules: LinkRules) -> str:
    """Markdown whose addresses are judged without being parsed, for channels that show it much as it is.

    Code keeps its addresses. A word is read as a parser would read it: with entities and backslashes resolved.
    """

    def judged_word(word: re.Match[str]) -> str:
        plain = _BACKSLASH.sub("", html.unescape(word[0]))
        found = BARE_ADDRESS.search(plain)
        if found is None:
            return word[0]
        address = trimmed(found[0])
        link = rules.judge_bare(address)
        if link.address is not None:
            return word[0]
        rest = plain[found.start() + len(address) :]
        return plain[: found.start()] + link.host + BARE_ADDRESS.sub(lambda more: rules.judge_bare(more[0]).host, rest)

    pieces = _CODE.split(text)
    pieces[::2] = [re.sub(r"[^\s<>\"]+", judged_word, piece) for piece in pieces[::2]]
    return "".join(pieces)


def _is_telling(path: str) -> bool:
    """Whether a path has room for what nobody should learn."""
    digits = sum(letter.isdigit() for letter in path)
    return len(path) > _MAX_PATH_CHARS or digits > _MAX_PATH_DIGITS or _RANDOM.search(path) is not None


def _without_www(host: str) -> str:
    return host.removeprefix("www.")


def _in_ascii(host: str) -> str:
    """A host as it stands in addresses (IDNA); one that cannot be a host as it is."""
    name, colon, port = host.lower().partition(":")
    try:
        return name.encode("idna").decode() + colon + port
    except UnicodeError:
        return host.lower()
