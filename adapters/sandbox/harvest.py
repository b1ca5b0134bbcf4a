"""What one command brought: how it ended, and what was handed out before, within bounds."""

from __future__ import annotations

from dataclasses import dataclass, field

from adapters.sandbox.errors import ProtocolViolationError
from adapters.sandbox.limits import Limits
from adapters.sandbox.names import clean_name, unlike
from adapters.sandbox.results import GuestFile, GuestImage

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
MAX_CHARACTERS = 400


@dataclass(slots=True, kw_only=True)
class Harvest:
    """Filled by EventReader; `ending` is empty until the command has ended."""

    limits: Limits
    ending: str = ""
    reason: str = ""
    images: list[GuestImage] = field(default_factory=list)
    files: list[GuestFile] = field(default_factory=list)

    def room_bytes(self, event: str) -> int:
        """Return how long the next body of this kind may be. Raises ProtocolViolationError when there is no next."""
        limits = self.limits
        if event == "image" and len(self.images) < limits.image_count:
            return limits.image_total_bytes - sum(len(image.data) for image in self.images)
        if event == "file" and len(self.files) < limits.result_file_count:
            return limits.result_file_total_bytes - sum(len(file.data) for file in self.files)
        raise ProtocolViolationError("too much was handed out, or something that is neither image nor file")

    def add(self, event: str, body: bytes, *, name: str, alt_text: str) -> None:
        """Take an image or a file. Raises ProtocolViolationError when an image is not a PNG."""
        alt_text = printable(alt_text)
        if event == "file":
            own_name = unlike(clean_name(name), {file.name for file in self.files})
            self.files.append(GuestFile(name=own_name, data=body, alt_text=alt_text))
        elif body.startswith(PNG_SIGNATURE):
            self.images.append(GuestImage(data=body, alt_text=alt_text or "A plot."))
        else:
            raise ProtocolViolationError("an image is not a PNG")


def printable(text: str) -> str:
    """Return what the guest said on one line, without signs that act on a screen, and not too long."""
    shown = "".join(sign if sign.isprintable() else " " for sign in text)
    return " ".join(shown.split())[:MAX_CHARACTERS]
