"""What a person sees in a terminal: Markdown, and pictures where the terminal can draw them."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from adapters.terminal import place_of
from bot.parts import (
    ApologyPart,
    ChoicePart,
    FilesPart,
    Part,
    PicturePart,
    SavedFilePart,
    TablePart,
    TextPart,
    WelcomePart,
)

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True, slots=True, kw_only=True)
class TerminalView:
    """Prints parts of replies. `draws` is the terminal's protocol for pictures: `iterm`, `kitty` or `none`."""

    console: Console
    draws: str

    def show(self, part: Part) -> None:
        """Print a part."""
        from rich.markdown import Markdown

        match part:
            case TextPart() | WelcomePart():
                # A link shows its whole address: one that is hidden behind words may lead anywhere.
                self.console.print(Markdown(part.text, hyperlinks=False))
            case TablePart():
                self.console.print(Markdown(part.table.block, hyperlinks=False))
            case ApologyPart() | ChoicePart():
                self.console.print(part.words, markup=False, highlight=False)
            case PicturePart():
                self._draw(Path(part.file.token))
                self.console.print(f"[picture] {part.file.token}", markup=False, highlight=False, soft_wrap=True)
                self.console.print(f"          {part.alt_text}", markup=False, highlight=False, style="dim")
            case SavedFilePart():
                self.console.print(f"[file] {part.url}", markup=False, highlight=False, soft_wrap=True)
            case FilesPart():
                for file in part.files:
                    self.console.print(f"[file] {place_of(file)}", markup=False, highlight=False, soft_wrap=True)

    def _draw(self, path: Path) -> None:
        if self.draws in _DRAW:
            encoded = base64.standard_b64encode(path.read_bytes()).decode()
            self.console.file.write(_DRAW[self.draws](encoded) + "\n")


def _iterm(encoded: str) -> str:
    return f"\x1b]1337;File=inline=1;width=60:{encoded}\a"


def _kitty(encoded: str) -> str:
    pieces = [encoded[at : at + 4096] for at in range(0, len(encoded), 4096)]
    heads = ["a=T,f=100,m=1", *["m=1"] * (len(pieces) - 1)]
    heads[-1] = heads[-1].replace("m=1", "m=0")
    return "".join(f"\x1b_G{head};{piece}\x1b\\" for head, piece in zip(heads, pieces, strict=True))


_DRAW = {"iterm": _iterm, "kitty": _kitty}


def picture_protocol(environ: Mapping[str, str]) -> str:
    """How the terminal of this environment draws pictures, as far as it says so."""
    if environ.get("TERM_PROGRAM") in ("iTerm.app", "WezTerm"):
        return "iterm"
    return "kitty" if environ.get("TERM") == "xterm-kitty" else "none"
