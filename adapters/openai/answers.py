"""Messages of a run: from the wire to one Answer."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from urllib.parse import unquote

from adapters.openai.wire import Fields
from bot.answer import Answer, AnswerFile, AnswerImage, Citation, FileId

log = logging.getLogger(__name__)

_ALT_TEXT = "alt:"  # and the file's id: the key in a message's metadata where the embedded server says what was drawn


def cited_files(messages: Iterable[Fields]) -> frozenset[FileId]:
    """The files that citations refer to: their names are to be asked for."""
    return frozenset(
        FileId(annotation.object("file_citation").text("file_id"))
        for message in messages
        for content in message.objects_if_any("content")
        if content.text("type") == "text"
        for annotation in content.object("text").objects_if_any("annotations")
        if annotation.text("type") == "file_citation"
    )


def answer_from(messages: Iterable[Fields], names: Mapping[FileId, str]) -> Answer:
    """All messages of one run, oldest first, as one answer; `names` are those of the cited files.

    Placeholders stay in the text as the model wrote them: an annotation's `text` is "the text that needs to be
    replaced", while its indexes count code points at one service, UTF-16 units at another and nothing (0, 0) at a
    third. A file written twice under one name is there once, as it was in the end.
    """
    parts = _Parts(names)
    for message in messages:
        parts.add(message)
    return Answer(
        text="\n\n".join(parts.texts),
        images=tuple(parts.images.values()),
        files=tuple(parts.files.values()),
        citations=tuple(parts.citations.values()),
    )


class _Parts:
    def __init__(self, names: Mapping[FileId, str]) -> None:
        self._names = names
        self.texts: list[str] = []
        self.images: dict[str, AnswerImage] = {}  # by file
        self.files: dict[str, AnswerFile] = {}  # by placeholder
        self.citations: dict[str, Citation] = {}  # by placeholder

    def add(self, message: Fields) -> None:
        metadata = message.texts("metadata")
        for content in message.objects_if_any("content"):
            match content.text("type"):
                case "text":
                    self._add_text(content.object("text"))
                case "refusal":
                    self.texts.append(content.text_if_any("refusal"))
                case "image_file":
                    file = FileId(content.object("image_file").text("file_id"))
                    self.images[file] = AnswerImage(file=file, alt_text=metadata.get(f"{_ALT_TEXT}{file}", ""))
                case _:
                    log.warning("a content part of an unknown type was left out")

    def _add_text(self, text: Fields) -> None:
        value = text.text_if_any("value").strip()
        if value:
            self.texts.append(value)
        for annotation in text.objects_if_any("annotations"):
            self._add_annotation(annotation)

    def _add_annotation(self, annotation: Fields) -> None:
        placeholder = annotation.text_if_any("text")
        match annotation.text("type"):
            case "file_path":
                file = FileId(annotation.object("file_path").text("file_id"))
                name = PurePosixPath(unquote(placeholder.removeprefix("sandbox:"))).name or file
                self.files[placeholder or file] = AnswerFile(file=file, name=name, placeholder=placeholder)
            case "file_citation":
                file = FileId(annotation.object("file_citation").text("file_id"))
                self.citations[placeholder] = Citation(placeholder=placeholder, name=self._names.get(file, ""))
            case _:
                log.warning("an annotation of an unknown type was left out")
