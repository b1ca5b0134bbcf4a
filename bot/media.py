"""What may be shown as a picture, judged by its first bytes and never by its name."""

from __future__ import annotations

import codecs
import re
import struct
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
    b"xl/workbook.bin": ".xlsb",
    b"word/document.xml": ".docx",
    b"ppt/presentation.xml": ".pptx",
    b"ppt/slides/": ".pptx",
}
_FIRST_PART = {  # OpenDocument 1.3, part 2, 3.3: the type stands in the clear at the beginning
    b"mimetypeapplication/vnd.oasis.opendocument.spreadsheet": ".ods",
    b"mimetypeapplication/vnd.oasis.opendocument.text": ".odt",
    b"mimetypeapplication/vnd.oasis.opendocument.presentation": ".odp",
}
_FIRST_PART_BYTES = 200
_ZIP_END, _ZIP_ENTRY = b"PK\x05\x06", b"PK\x01\x02"
_MAX_ZIP_END_BYTES = 22 + 65_535  # with the longest comment
_MAX_ZIP_DIRECTORY_BYTES = 1_000_000  # some 10,000 entries
_STREAM_OF_OLE_FILE = {
    "Workbook": ".xls",
    "WordDocument": ".doc",
    "PowerPoint Document": ".ppt",
    "__properties_version1.0": ".msg",
    "VisioDocument": ".vsd",
}
_OTHER_SIGNATURES = {
    b"%PDF-": ".pdf",
    b"PAR1": ".parquet",
    b"SQLite format 3\x00": ".sqlite",
    b"\x1f\x8b": ".gz",
    b"BZh": ".bz2",
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
    """The ending that a file's bytes ask for: a picture's, `.pdf`, an Office file's.

    Else `.zip` for any archive of that kind, and `.txt` for any text in UTF-8: there a name may know better. None for
    other content. Raises OSError.
    """
    with path.open("rb") as file:
        start = file.read(_START_BYTES)
        if start.startswith(_OLE):
            file.seek(0)
            # A document may embed a workbook, and a workbook a document: of such a file the bytes tell nothing.
            streams = _streams_named(file, *_STREAM_OF_OLE_FILE, "EncryptedPackage")
            return _STREAM_OF_OLE_FILE.get(*streams) if len(streams) == 1 else None
        if start.startswith(b"PK\x03\x04"):
            return _ending_of_zip(file, start)
    if (picture := picture_type(start)) is not None:
        return ENDING_OF_PICTURE[picture]
    for signature, ending in _OTHER_SIGNATURES.items():
        if start.startswith(signature):
            return ending
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(start)  # a letter may be cut at the end
    except UnicodeDecodeError:
        return None
    return None if _NOT_IN_TEXT.search(text) else ".txt"


def _ending_of_zip(file: BinaryIO, start: bytes) -> str:
    """The ending of an Office file by the names of its parts, else `.zip`."""
    for mark, ending in _FIRST_PART.items():
        if mark in start[:_FIRST_PART_BYTES]:
            return ending
    names = _names_in_zip(file)
    if names is None:  # cut off, or too large a directory: parts may still be named at the beginning
        return next((ending for mark, ending in _PART_OF_OFFICE_FILE.items() if mark in start), ".zip")
    # An archive may hold documents, and a document workbooks; only an Office file has such parts of its own.
    own = (ending for mark, ending in _PART_OF_OFFICE_FILE.items() if any(name.startswith(mark) for name in names))
    return next(own, ".zip") if b"[content_types].xml" in names else ".zip"


def _names_in_zip(file: BinaryIO) -> list[bytes] | None:
    """The names in the directory of an archive (APPNOTE.TXT 4.3.12, 4.3.16), in small letters; None without one."""
    size_bytes = file.seek(0, 2)
    file.seek(max(0, size_bytes - _MAX_ZIP_END_BYTES))
    tail = file.read(_MAX_ZIP_END_BYTES)
    end = tail.rfind(_ZIP_END)
    if end < 0 or len(tail) < end + 22:
        return None
    length, begin = struct.unpack_from("<II", tail, end + 12)
    if length > _MAX_ZIP_DIRECTORY_BYTES:
        return None
    file.seek(begin)
    directory, names, at = file.read(length), list[bytes](), 0
    while directory[at : at + 4] == _ZIP_ENTRY and len(directory) >= at + 46:
        name, extra, comment = struct.unpack_from("<HHH", directory, at + 28)
        names.append(directory[at + 46 : at + 46 + name].lower())
        at += 46 + name + extra + comment
    return names or None
