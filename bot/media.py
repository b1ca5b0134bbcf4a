"""What may be shown as a picture, judged by its first bytes and never by its name."""

from __future__ import annotations

import codecs
import re
from pathlib import Path
from typing import BinaryIO

_SIGNATURES = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
}
_SIGNATURE_BYTES = 12  # of the longest, WebP's
ENDING_OF_PICTURE = {"image/png": ".png", "image/jpeg": ".jpg", "image/gif": ".gif", "image/webp": ".webp"}
_START_BYTES = 65_536  # names of an Office file's parts stand between its contents
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_PART_OF_OFFICE_FILE = {
    b"xl/workbook.xml": ".xlsx",
    b"xl/worksheets/": ".xlsx",
    b"word/document.xml": ".docx",
    b"ppt/presentation.xml": ".pptx",
    b"ppt/slides/": ".pptx",
    b"mimetypeapplication/vnd.oasis.opendocument.spreadsheet": ".ods",
}
_NOT_IN_TEXT = re.compile(r"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")


def picture_type(data: bytes) -> str | None:
    """The media type of a picture that chat clients show, or None for anything else (SVG and HTML among it)."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for signature, kind in _SIGNATURES.items() if data.startswith(signature)), None)


def picture_type_of(content: bytes | Path) -> str | None:
    """The same of bytes, or of a file, of which only the first bytes are read. Raises OSError."""
    if isinstance(content, bytes):
        return picture_type(content)
    with content.open("rb") as file:
        return picture_type(file.read(_SIGNATURE_BYTES))


def size_of(content: bytes | Path) -> int:
    """How many bytes there are. Raises OSError."""
    return len(content) if isinstance(content, bytes) else content.stat().st_size


def is_protected(path: Path) -> bool:
    """Whether this is an Office file that is encrypted with a password (MS-OFFCRYPTO 1.3.2). Raises OSError."""
    with path.open("rb") as file:
        return file.read(len(_OLE)) == _OLE and bool(_streams_named(file, "EncryptedPackage"))


def _streams_named(file: BinaryIO, *names: str) -> set[str]:
    """Which of these names of streams a compound file holds (MS-CFB 2.6.1: in UTF-16, anywhere), read in pieces."""
    found, marks, rest = set[str](), {name: name.encode("utf-16-le") for name in names}, b""
    overlap = max(map(len, marks.values())) - 1
    while piece := file.read(_START_BYTES):
        rest += piece
        found |= {name for name, mark in marks.items() if mark in rest}
        rest = rest[-overlap:]
    return found


def ending_by_content(path: Path) -> str | None:
    """The ending that a file's bytes ask for: a picture's, `.pdf`, an Office file's, or `.txt` for any text in UTF-8.

    None for other content. Raises OSError.
    """
    with path.open("rb") as file:
        start = file.read(_START_BYTES)
        if start.startswith(_OLE):
            file.seek(0)
            # A document may embed a workbook, and a workbook a document: of such a file the bytes tell nothing.
            return ".xls" if _streams_named(file, "Workbook", "WordDocument") == {"Workbook"} else None
    if (picture := picture_type(start)) is not None:
        return ENDING_OF_PICTURE[picture]
    if start.startswith(b"%PDF-"):
        return ".pdf"
    if start.startswith(b"PK\x03\x04"):
        return next((ending for mark, ending in _PART_OF_OFFICE_FILE.items() if mark in start), None)
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(start)  # a letter may be cut at the end
    except UnicodeDecodeError:
        return None
    return None if _NOT_IN_TEXT.search(text) else ".txt"
